// Reports of a chain's steps: what each did to an event, by places and without values.
import type { ComponentChildren } from 'preact';
import type { StepReport } from '../api/schema';
import { isRecord } from '../api/client';
import { micros, words } from '../base/format';
import { Badge, Status } from '../parts/status';

/** `data`: the value after the steps, in which a place that is not there any more counts as removed. */
export function StepReports({ steps, data, empty }: { steps: StepReport[]; data?: unknown; empty: string }) {
  if (steps.length === 0) return <p class="muted">{empty}</p>;
  return (
    <ol class="step-list">
      {steps.map((step, index) => (
        <li key={index}>
          <div class="attempt-head">
            <span class="strong">{step.plugin}</span>
            <span class="faint" title={`digest ${step.version}…`}>
              {step.release || step.version}
            </span>
            {step.canary && <Badge tone="info">canary</Badge>}
            <Status value={step.result} />
            <span class="push muted num">{micros(step.took_us)}</span>
          </div>
          {step.failure && (
            <p>
              It failed: <strong>{words(step.failure)}</strong>. The details are in the plugin’s journal.
            </p>
          )}
          {step.changed.length > 0 ? (
            <ul class="places" aria-label={`Places that ${step.plugin} changed`}>
              {step.changed.map((place) => (
                <li key={place}>
                  <code>{place}</code>
                  {data !== undefined && index === steps.length - 1 && gone(data, place) && <span class="faint">removed</span>}
                </li>
              ))}
            </ul>
          ) : (
            <p class="faint">It changed nothing.</p>
          )}
        </li>
      ))}
    </ol>
  );
}

/** Note to reports of steps; it explains the sign for keys where one of them has it. */
export function StepsNote({ steps, children }: { steps: StepReport[]; children?: ComponentChildren }) {
  return (
    <p class="hint after">
      Stored are the places that a step changed, never the values before.
      {steps.some(({ changed }) => changed.some((place) => place.includes('*'))) && (
        <>
          {' '}
          <code>*</code> stands for a key that the step may have read in the event, for example the name of a removed member.
        </>
      )}{' '}
      {children}
    </p>
  );
}

/** True where the pointer names a member that the value does not have. Patterns say nothing. */
function gone(value: unknown, pointer: string): boolean {
  if (pointer === '' || pointer.includes('*') || pointer === '…') return false;
  let at: unknown = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at) && Number(key) < at.length) at = at[Number(key)];
    else if (isRecord(at) && Object.hasOwn(at, key)) at = at[key];
    else return true;
  }
  return false;
}
