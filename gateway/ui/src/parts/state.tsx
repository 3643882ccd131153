// What stands in place of data: nothing yet, nothing at all, a problem.
import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client';
import { Icon } from './icon';

export function Empty({ title, children, icon = 'search' }: { title: string; children?: ComponentChildren; icon?: string }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children && <div class="muted">{children}</div>}
    </div>
  );
}

/** A problem in the gateway's own words, with its fix, its code and, where a repetition is safe, a way to repeat. */
export function ErrorBox({ error, retry }: { error: ApiError; retry?: (() => void) | undefined }) {
  const { problem, retryAfter } = error;
  return (
    <div class="error-box" role="alert">
      <Icon name="dead" />
      <div>
        <p class="error-title">{problem.title}</p>
        <p>
          <Prose text={problem.detail} />
        </p>
        {problem.fix && (
          <p>
            <Prose text={problem.fix} />
          </p>
        )}
        <p class="error-foot">
          <code>{problem.code}</code>
          {problem.type.startsWith('/') && (
            <a href={problem.type} target="_blank" rel="noreferrer">
              Documentation
            </a>
          )}
          {retry && problem.retry !== 'no' && (
            <button type="button" class="link" onClick={retry}>
              Try again{retryAfter ? ` (in ${retryAfter} s)` : ''}
            </button>
          )}
        </p>
      </div>
    </div>
  );
}

/** Text of the gateway, in which `…` marks names. */
export function Prose({ text }: { text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class={`bone bone-${index % 3}`} />
      ))}
    </div>
  );
}

/** Shows that a page updates itself, or why it does not at the moment. */
export function Live({ on, error }: { on: boolean; error?: ApiError | undefined }) {
  const failed = error?.mayPass === true;
  const text = failed ? 'Reconnecting' : on && !error ? 'Live' : 'Paused';
  const title = failed ? 'The last reads failed; they are repeated' : on && !error ? 'This page updates itself' : error ? 'The request was refused' : 'Only the first page updates itself';
  return (
    <span class={`live ${failed ? 'is-failed' : on && !error ? 'is-on' : ''}`} title={title}>
      {text}
    </span>
  );
}
