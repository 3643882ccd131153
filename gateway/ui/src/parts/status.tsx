// Badges: a word in a colour. The word alone says everything; the colour only helps to find it.
import type { ComponentChildren } from 'preact';
import { words } from '../base/format';

export type Tone = 'good' | 'bad' | 'warn' | 'info' | 'plain';

export function Badge({ tone = 'plain', children, title }: { tone?: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`badge is-${tone}`} title={title}>
      {children}
    </span>
  );
}

const TONES: Record<string, Tone> = {
  delivered: 'good',
  active: 'good',
  passed: 'good',
  published: 'good',
  accepted: 'good',
  closed: 'good',
  done: 'good',
  pending: 'info',
  running: 'info',
  postponed: 'info',
  shadowed: 'plain',
  cancelled: 'plain',
  dropped: 'plain',
  filtered: 'plain',
  test: 'plain',
  skipped: 'warn',
  paused: 'warn',
  half_open: 'warn',
  disabled: 'warn',
  dead: 'bad',
  failed: 'bad',
  http_error: 'bad',
  timed_out: 'bad',
  unreachable: 'bad',
  blocked: 'bad',
  plugin_failed: 'bad',
  crashed: 'bad',
  open: 'bad',
};

/** An event type, which is cut into lines behind its dots. */
export function TypeName({ type }: { type: string }) {
  return (
    <span class="strong">
      {type.split(/(?<=[._])/).map((part) => (
        <>
          {part}
          <wbr />
        </>
      ))}
    </span>
  );
}

/** Status or outcome in the gateway's words. */
export function Status({ value }: { value: string }) {
  return <Badge tone={TONES[value] ?? 'plain'}>{words(value)}</Badge>;
}

/** HTTP status of an answer. */
export function HttpStatus({ code }: { code: number | null | undefined }) {
  if (code === null || code === undefined) return <span class="faint">–</span>;
  return <span class={`http is-${code < 300 ? 'good' : code < 500 ? 'warn' : 'bad'}`}>{code}</span>;
}
