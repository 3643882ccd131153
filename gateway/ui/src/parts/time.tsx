// Relative time that keeps itself right; the exact time is in its title.
import { signal } from '@preact/signals';
import { ago, exact } from '../base/format';

/** The present, to the second. */
export const now = signal(Date.now());
setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1000);

export function Time({ at }: { at: string | null | undefined }) {
  const time = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time)) return <span class="faint">–</span>;
  return (
    <time dateTime={at ?? ''} title={exact(time)}>
      {ago(time, now.value)}
    </time>
  );
}

/** Exact time, with the relative one in its title. */
export function ExactTime({ at }: { at: string | null | undefined }) {
  const time = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time)) return <span class="faint">–</span>;
  return (
    <time class="num" dateTime={at ?? ''} title={ago(time, now.value)}>
      {exact(time)}
    </time>
  );
}

/** Time at which something is due; one that has passed is `due`, as what is due takes a moment to be done. */
export function Due({ at }: { at: string | null | undefined }) {
  return at && Date.parse(at) <= now.value ? <span class="muted">due</span> : <Time at={at} />;
}
