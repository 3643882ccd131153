// Life of a delivery from the event's acceptance to its end, with the time that each part took.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Attempt, StepReport } from '../api/schema';
import { bytes, duration, exact, micros, plural, words } from '../base/format';
import { useQuery } from '../base/router';
import type { Tone } from '../parts/status';
import { HttpStatus } from '../parts/status';
import { Due } from '../parts/time';
import type { DeliveryParts } from './delivery';

/** Attempts beyond which those in the middle are folded. */
const MOST_ATTEMPTS = 6;
/** Changed places of a step beyond which they are counted. */
const MOST_PLACES = 3;

type Stop = { key: string; tone: Tone | 'next'; title: ComponentChildren; at?: string | null | undefined; detail?: ComponentChildren; small?: boolean };

export function DeliveryRail({ delivery, event, line, endpoint, attempt }: DeliveryParts) {
  const { set } = useQuery();
  const [unfolded, setUnfolded] = useState(false);
  const { attempts } = delivery;
  const accepted = line?.accepted;
  const stops: Stop[] = [];
  const first = delivery.trigger === 'published';

  if (event && accepted && Math.abs(Date.parse(accepted) - Date.parse(event.created)) > 1000) {
    stops.push({ key: 'created', tone: 'plain', title: 'Happened', at: event.created, detail: 'as the producer says' });
  }
  stops.push({
    key: 'accepted',
    tone: 'good',
    title: delivery.trigger === 'test' ? 'Test event made' : 'Accepted',
    at: accepted ?? (line === null ? event?.created : null),
  });
  for (const [index, step] of (event?.steps ?? []).entries()) stops.push(stepStop(step, `step ${index}`));
  stops.push({ key: 'stored', tone: 'good', title: 'Stored', detail: line ? `${bytes(line.bytes)}, in one commit with its deliveries` : 'with its deliveries' });
  if (!first && delivery.trigger !== 'test') stops.push({ key: 'again', tone: 'info', title: 'Made again', detail: 'by a retry, a replay or a recovery' });

  const folds = !unfolded && attempts.length > MOST_ATTEMPTS;
  for (const [index, one] of attempts.entries()) {
    if (folds && index >= 2 && index < attempts.length - 3) {
      if (index === 2) {
        const hidden = attempts.length - 5;
        stops.push({
          key: 'folded',
          tone: 'plain',
          title: (
            <button type="button" class="link" onClick={() => setUnfolded(true)}>
              {plural(hidden, 'more attempt')}
            </button>
          ),
          small: true,
        });
      }
      continue;
    }
    for (const [place, step] of one.steps.entries()) stops.push(stepStop(step, `attempt ${one.number} step ${place}`));
    const before = index === 0 ? (first ? accepted : null) : ended(attempts[index - 1]);
    const waited = before ? Date.parse(one.started) - Date.parse(before) : null;
    stops.push({
      key: `attempt ${one.number}`,
      tone: one.outcome === 'delivered' ? 'good' : one.outcome === 'shadowed' || one.outcome === 'postponed' ? 'plain' : 'bad',
      title: (
        <button type="button" class="rail-pick" aria-current={one.number === attempt?.number ? 'true' : undefined} onClick={() => set({ attempt: index === attempts.length - 1 ? null : String(one.number) }, { replace: true })}>
          Attempt {one.number} {one.response_status ? <HttpStatus code={one.response_status} /> : <span class={one.outcome === 'delivered' ? '' : 'muted'}>{words(one.outcome)}</span>}
        </button>
      ),
      at: one.started,
      detail: `${duration(one.took_ms)}${waited === null || waited < 0 ? '' : index === 0 ? `, claimed ${duration(waited)} after acceptance` : `, after a wait of ${duration(waited)}`}`,
    });
  }
  if (delivery.finished) {
    stops.push({ key: 'end', tone: delivery.status === 'delivered' ? 'good' : delivery.status === 'dead' ? 'bad' : 'plain', title: delivery.status === 'dead' ? 'Given up' : capital(words(delivery.status)), at: delivery.finished });
  } else if (delivery.next_attempt) {
    stops.push({
      key: 'next',
      tone: 'next',
      title: (
        <>
          Next try {endpoint?.pause ? 'after the pause' : <Due at={delivery.next_attempt} />}
        </>
      ),
      at: endpoint?.pause?.until ?? delivery.next_attempt,
      detail: endpoint?.pause ? 'of the endpoint' : null,
    });
  }
  return (
    <section class="rail-box" aria-label="Life of the delivery">
      <h2>Life of the delivery</h2>
      <ol class="rail">
        {stops.map(({ key, tone, title, at, detail, small }) => (
          <li key={key} class={`is-${tone}${small ? ' is-small' : ''}`}>
            <div class="rail-head">
              <span class="rail-title">{title}</span>
              {at && <Clock at={at} />}
            </div>
            {detail && <p class="rail-detail">{detail}</p>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function stepStop(step: StepReport, key: string): Stop {
  const passed = step.result === 'passed';
  const changes = step.changed.length;
  const places = changes > MOST_PLACES ? `${changes} places` : step.changed.join(', ');
  return {
    key,
    small: true,
    tone: passed ? 'good' : step.result === 'failed' ? 'bad' : 'warn',
    title: (
      <>
        {step.plugin} {passed ? '' : words(step.result)}
      </>
    ),
    detail: `${micros(step.took_us)}${changes > 0 ? `, changed ${places}` : ''}${step.canary ? ', canary' : ''}${step.failure ? `, ${words(step.failure)}` : ''}`,
  };
}

/** A time of the day to the millisecond; the whole one is in its title. */
function Clock({ at }: { at: string }) {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return null;
  return (
    <time class="rail-at" dateTime={at} title={exact(time)}>
      {exact(time).slice(11, 23)}
    </time>
  );
}

const ended = (attempt: Attempt | undefined): string | null => (attempt ? new Date(Date.parse(attempt.started) + attempt.took_ms).toISOString() : null);
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
