// What a list and a page of endpoints both show: name and state.
import { duration, words } from '../base/format';
import type { Subscription } from '../api/schema';
import { HttpStatus, Status } from '../parts/status';
import { Time } from '../parts/time';

const DISABLED: Record<string, string> = {
  asked: 'by request',
  gone: 'it answered 410 Gone',
  failing: 'too many attempts failed',
};
const PAUSED: Record<string, string> = {
  asked: 'it asked for time',
  failing: 'its last attempts failed',
};

/** State of an endpoint and the reason for it. `brief`: the reason in the title only. */
export function EndpointState({ endpoint, brief }: { endpoint: Subscription; brief?: boolean }) {
  const { disabled, pause } = endpoint;
  if (endpoint.status !== 'active') {
    const why = disabled ? (DISABLED[disabled.reason] ?? words(disabled.reason)) : '';
    return (
      <span class="state" title={why}>
        <Status value="disabled" />
        {!brief && disabled && (
          <span class="muted">
            {why}, <Time at={disabled.since} />
          </span>
        )}
      </span>
    );
  }
  if (pause) {
    const why = PAUSED[pause.reason] ?? words(pause.reason);
    return (
      <span class="state" title={why}>
        <Status value="paused" />
        {!brief && (
          <span class="muted">
            {why}; next attempt <Time at={pause.until} />
          </span>
        )}
      </span>
    );
  }
  return (
    <span class="state">
      <Status value="active" />
      {endpoint.mode === 'shadow' && <Status value="shadow" />}
    </span>
  );
}

/** A URL with its host emphasised, without the query, which may hold a token. */
export function EndpointUrl({ url }: { url: string }) {
  const parts = /^(https?:\/\/)([^/?#]*)([^?#]*)(.*)$/.exec(url);
  if (!parts) return <>{url}</>;
  return (
    <span class="endpoint-url" title={url}>
      <span class="faint hide-narrow">{parts[1]}</span>
      <span class="strong">{parts[2]}</span>
      <span class="muted">
        {parts[3]}
        {parts[4] && '?…'}
      </span>
    </span>
  );
}

export const hostOf = (url: string): string => /^https?:\/\/([^/?#]*)/.exec(url)?.[1] ?? url;

/** What an attempt came to, in a few words. */
export function Answer({ status, outcome, took }: { status?: number | null | undefined; outcome?: string | null | undefined; took?: number | undefined }) {
  if (status !== null && status !== undefined) {
    return (
      <>
        <HttpStatus code={status} />
        {took !== undefined && <span class="muted num"> {duration(took)}</span>}
      </>
    );
  }
  return <span class="muted">{outcome ? words(outcome) : '–'}</span>;
}

/** The `$…` query of the last 24 hours, in whole hours: it changes once an hour, and so is cached. */
export const since24h = (): string => new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 23 * 3_600_000).toISOString();
