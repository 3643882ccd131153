// Filter of an endpoint: JSON, checked while it is typed, and tried on the latest events.
// The check runs the plugin `filter`, which has the same conditions, on events that are stored already.
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, api, toApiError } from '../api/client';
import type { EventLineList, Tried } from '../api/schema';
import { can, reaches } from '../base/session';
import { Field } from '../parts/form';
import { Icon } from '../parts/icon';

/** Events that a filter is tried on. */
const EVENTS = 100;
/** Requests at once. */
const ABREAST = 4;
const SETTINGS = '/steps/0/settings/pass';

export type FilterText = { text: string; value: Record<string, unknown> | null; wrong: string | undefined };

export function parseFilter(text: string): FilterText {
  if (text.trim() === '') return { text, value: null, wrong: undefined };
  try {
    const value: unknown = JSON.parse(text);
    const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
    return fits ? { text, value: value as Record<string, unknown>, wrong: undefined } : { text, value: null, wrong: 'A filter is an object.' };
  } catch (cause) {
    return { text, value: null, wrong: cause instanceof Error ? cause.message : String(cause) };
  }
}

type Result = { passed: number; tried: number; failed: number; of: number };

export function FilterField({ filter, onChange, events, error }: { filter: FilterText; onChange: (filter: FilterText) => void; events: string[]; error: ApiError | undefined }) {
  const mayTry = can('chain.write') && can('view') && reaches('tenant');
  const [found, setFound] = useState<string>();
  const [result, setResult] = useState<Result>();
  const [running, setRunning] = useState<AbortController>();
  useEffect(() => {
    setFound(undefined);
    setResult(undefined);
    if (!filter.value || !mayTry) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      tryOn(filter.value, { event: { type: 'a.b', data: {} } }, abort.signal).catch((cause: unknown) => !abort.signal.aborted && setFound(wordsOf(toApiError(cause))));
    }, 500);
    return () => (clearTimeout(timer), abort.abort());
  }, [filter.text]);
  useEffect(() => () => running?.abort(), [running]);
  const count = async () => {
    const abort = new AbortController();
    setRunning(abort);
    setFound(undefined);
    try {
      await countPassing(filter.value, events, abort.signal, setResult);
    } catch (cause) {
      if (!abort.signal.aborted) setFound(wordsOf(toApiError(cause)));
    }
    setRunning(undefined);
  };
  const wrong = filter.wrong ?? found;
  return (
    <div class={wrong ? 'is-wrong' : ''}>
      <Field label="Filter" pointer="/filter" error={error} hint={<>JSON. Only events whose data fits are sent, for example <code>{'{"/amount": {"$gte": 100}}'}</code>. Empty: all of these types.</>}>
        {(control) => (
          <textarea
            {...control}
            aria-invalid={control['aria-invalid'] || wrong !== undefined}
            class="input is-code"
            rows={Math.min(14, Math.max(3, filter.text.split('\n').length))}
            spellcheck={false}
            value={filter.text}
            onInput={(event) => onChange(parseFilter(event.currentTarget.value))}
          />
        )}
      </Field>
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
      {filter.value && !wrong && (
        <div class="beside filter-check">
          {mayTry ? (
            <button type="button" class="button" onClick={() => (running ? running.abort() : void count())}>
              <Icon name={running ? 'close' : 'play'} />
              {running ? 'Stop' : `Try on the last ${EVENTS} events`}
            </button>
          ) : (
            <span class="hint">Your session cannot try it on past events; mistakes are found when it is saved.</span>
          )}
          {result && (
            <span role="status">
              {result.of === 0 ? (
                'There are no events of these types yet.'
              ) : (
                <>
                  <strong class="num">{result.passed}</strong> of {result.tried === result.of ? `the last ${result.of}` : `${result.tried}`} would have passed
                  {result.tried < result.of && running ? '…' : ''}
                  {result.failed > 0 && `, ${result.failed} could not be tried`}
                </>
              )}
            </span>
          )}
        </div>
      )}
    </div>
  );
}

const tryOn = (filter: unknown, on: object, signal: AbortSignal): Promise<Tried> =>
  api<Tried>('POST', '/v1/chain/try', { body: { ...on, steps: [{ plugin: 'filter', settings: { pass: filter } }] }, signal });

async function countPassing(filter: unknown, types: string[], signal: AbortSignal, report: (result: Result) => void): Promise<void> {
  const page = await api<EventLineList>('GET', '/v1/events', { query: { order: 'newest', limit: EVENTS, types: types.includes('*') ? null : types.join(',') }, signal });
  const ids = page.data.map((event) => event.id);
  const result: Result = { passed: 0, tried: 0, failed: 0, of: ids.length };
  report({ ...result });
  const next = ids[Symbol.iterator]();
  const work = async () => {
    for (const id of next) {
      const { verdict } = await tryOn(filter, { event_id: id }, signal);
      if (verdict === 'pass') result.passed += 1;
      else if (verdict !== 'drop') result.failed += 1;
      result.tried += 1;
      report({ ...result });
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, work));
}

const wordsOf = ({ problem }: ApiError): string => {
  const first = problem.errors?.find((error) => error.pointer.startsWith(SETTINGS));
  return first ? `${first.pointer.slice(SETTINGS.length)} ${first.detail}` : problem.detail;
};
