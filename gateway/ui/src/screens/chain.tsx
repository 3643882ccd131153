// A chain: its steps, and an editor with a dry run that shows what it would do to an event.
import { useState } from 'preact/hooks';
import { api, type ApiError, path, toApiError } from '../api/client';
import { useResource } from '../api/resource';
import type { Chain, Step, Tried, TriedStep } from '../api/schema';
import { micros, words } from '../base/format';
import { links } from '../base/links';
import { useQuery } from '../base/router';
import { can } from '../base/session';
import { Changes, Diff } from '../parts/diff';
import { FormError, SelectField, TextField } from '../parts/form';
import { Icon } from '../parts/icon';
import { Json } from '../parts/json';
import { Section } from '../parts/page';
import { ErrorBox, Skeleton } from '../parts/state';
import { Badge, Status } from '../parts/status';
import { toast } from '../parts/toast';
import { lineAt } from './pointer';

type ChainProps = {
  tenant: string | null;
  /** Endpoint whose chain this is; left out: the tenant's, which every event passes. */
  subscription?: string;
};

export function ChainView({ tenant, subscription }: ChainProps) {
  const place = subscription ? path('subscriptions', subscription, 'chain') : '/v1/chain';
  const chain = useResource<Chain>(place, { tenant });
  // A link to the editor names the event to try the chain with.
  const event = useQuery().params.get('event');
  const [editing, setEditing] = useState(event !== null);
  if (!chain.data) return chain.error ? <ErrorBox error={chain.error} retry={chain.reload} /> : <Skeleton />;
  const { steps, always_removed: always } = chain.data;
  return (
    <>
      <Section
        title="Steps"
        actions={
          <button type="button" class="button" aria-pressed={editing} onClick={() => setEditing(!editing)}>
            {editing ? 'Close the editor' : can('chain.write') ? 'Edit and try' : 'Try'}
          </button>
        }
      >
        {always && always.length > 0 && (
          <p class="muted remark">
            The profile removes these classes before and after the chain: {always.join(', ')}.
          </p>
        )}
        {steps.length === 0 ? <p class="muted">{subscription ? 'The endpoint has no chain of its own: it is sent the event as it is stored.' : 'No steps: events are stored as they come.'}</p> : <Steps steps={steps} tenant={tenant} />}
      </Section>
      {editing && <Editor key={place} chain={chain.data} place={place} tenant={tenant} phase={subscription ? 'delivery' : 'ingress'} event={event} saved={chain.reload} />}
    </>
  );
}

function Steps({ steps, tenant }: { steps: Step[]; tenant: string | null }) {
  return (
    <ol class="step-list">
      {steps.map((step, index) => (
        <li key={index}>
          <div class="attempt-head">
            <span class="faint num">{index + 1}</span>
            <a href={links.plugin(step.plugin, tenant)}>{step.plugin}</a>
            <span class="muted">{step.version ?? 'latest'}</span>
            {step.running && <span class="faint" title={step.running.digest}>runs {step.running.version}</span>}
            {step.previous && <span class="faint" title={step.previous.digest}>before {step.previous.version}</span>}
            {step.on_failure === 'skip' && <Badge tone="warn">skipped when it fails</Badge>}
            {step.canary && (
              <Badge tone={step.canary.stopped ? 'bad' : 'info'} title={step.canary.stopped?.reason}>
                {`canary ${step.canary.version}, ${step.canary.share * 100} %${step.canary.stopped ? ', stopped' : ''}`}
              </Badge>
            )}
          </div>
          {step.settings && Object.keys(step.settings).length > 0 && <Json value={step.settings} label={`settings of ${step.plugin}`} />}
        </li>
      ))}
    </ol>
  );
}

const SAMPLE = { type: 'invoice.paid', data: { id: 'inv_1', amount: 4200, customer: { id: 'cus_7', email: 'ada@example.com' } } };

type EditorProps = { chain: Chain; place: string; tenant: string | null; phase: 'ingress' | 'delivery'; event: string | null; saved: () => void };

function Editor({ chain, place, tenant, phase, event: given, saved }: EditorProps) {
  const [text, setText] = useState(() => JSON.stringify(chain.steps.map(plain), null, 2));
  const [source, setSource] = useState<'sample' | 'stored'>(given ? 'stored' : 'sample');
  const [sample, setSample] = useState(() => JSON.stringify(SAMPLE, null, 2));
  const [stored, setStored] = useState(given ?? '');
  const [error, setError] = useState<ApiError>();
  const [wrong, setWrong] = useState<string>();
  const [tried, setTried] = useState<Tried>();
  const [busy, setBusy] = useState(false);

  const run = async (act: (steps: Step[]) => Promise<void>) => {
    setError(undefined);
    setWrong(undefined);
    let steps: Step[];
    try {
      steps = JSON.parse(text) as Step[];
    } catch (cause) {
      return setWrong(`The steps are not JSON: ${String(cause).replace('SyntaxError: ', '')}`);
    }
    setBusy(true);
    try {
      await act(steps);
    } catch (cause) {
      setError(toApiError(cause));
    }
    setBusy(false);
  };
  const dryRun = () =>
    void run(async (steps) => {
      let event: unknown;
      try {
        event = JSON.parse(sample);
      } catch {
        return setWrong('The event is not JSON.');
      }
      setTried(undefined);
      setTried(await api<Tried>('POST', '/v1/chain/try', { tenant, body: { steps, phase, ...(source === 'stored' ? { event_id: stored.trim() } : { event }) } }));
    });
  const save = () =>
    void run(async (steps) => {
      await api('PUT', place, { tenant, body: { steps } });
      toast('The chain is set. It holds for events from now on.');
      saved();
    });
  const errors = error?.problem.errors ?? [];
  return (
    <Section title="Edit and try">
      <div class="editor">
        <div>
          <TextField label="Steps" hint="Nothing changes before you save." value={text} onInput={setText} rows={Math.min(30, Math.max(10, text.split('\n').length + 1))} code />
          {errors.length > 0 && (
            <ul class="pointers" aria-label="Errors">
              {errors.map(({ pointer, detail }) => (
                <li key={pointer}>
                  <code>{pointer || '/'}</code> {line(text, pointer)}
                  <span class="wrong">{detail}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
        <div class="editor-event">
          <SelectField
            label="Event"
            value={source}
            onChange={(value) => setSource(value as 'sample' | 'stored')}
            options={[
              { value: 'sample', label: 'a sample' },
              { value: 'stored', label: 'a stored event' },
            ]}
          />
          {source === 'sample' ? (
            <TextField label="Sample" value={sample} onInput={setSample} rows={12} code />
          ) : (
            <TextField label="Id of the event" hint="It is used as the chain left it when it was accepted." value={stored} onInput={setStored} placeholder="evt_…" code />
          )}
        </div>
      </div>
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
      <FormError error={error} pointers={errors.map((one) => one.pointer)} />
      <div class="actions">
        <button type="button" class="button is-primary" disabled={busy} onClick={dryRun}>
          <Icon name="play" />
          Try
        </button>
        {can('chain.write') && (
          <button type="button" class="button" disabled={busy} onClick={save}>
            Save the chain
          </button>
        )}
      </div>
      {tried && <Result tried={tried} />}
    </Section>
  );
}

function Result({ tried }: { tried: Tried }) {
  return (
    <div class="tried" role="region" aria-label="Result of the dry run">
      <p class="tried-head">
        <Status value={VERDICTS[tried.verdict] ?? tried.verdict} />
        <span class="muted">
          in {micros(tried.time_us.used)}
          {tried.ended_by ? `, ended by ${tried.ended_by}` : ''}. Nothing was stored or sent.
        </span>
      </p>
      {(tried.reason || tried.code) && (
        <p>
          {tried.code && <code>{tried.code}</code>} {tried.reason}
        </p>
      )}
      <h3>Difference</h3>
      {tried.cut ? <Changes changes={tried.diff} /> : tried.after === null || tried.after === undefined ? <p class="muted">The event does not go on.</p> : <Diff before={tried.before} after={tried.after} />}
      <h3>Step by step</h3>
      <ol class="step-list">
        {tried.steps.map((step, index) => (
          <StepResult key={index} step={step} />
        ))}
      </ol>
    </div>
  );
}

const VERDICTS: Record<string, string> = { pass: 'passed', drop: 'dropped', reject: 'rejected', delay: 'postponed' };

function StepResult({ step }: { step: TriedStep }) {
  const { usage } = step;
  return (
    <li>
      <div class="attempt-head">
        <span class="strong">{step.plugin}</span>
        <span class="faint">{step.version}</span>
        <Status value={VERDICTS[step.verdict] ?? step.verdict} />
        {step.skipped && <Badge tone="warn">skipped</Badge>}
        <span class="push muted num">{micros(usage.time_us.used)}</span>
      </div>
      {(step.reason || step.code) && (
        <p>
          {step.code && <strong>{words(step.code)}</strong>} {step.reason}
        </p>
      )}
      <Changes changes={step.diff} />
      {step.diff_left_out > 0 && <p class="faint">{step.diff_left_out} further changes are not listed.</p>}
      {step.log.length > 0 && <pre class="code" tabIndex={0} aria-label={`Journal of ${step.plugin}`}>{step.log.map((one) => `${one.level}  ${one.text}`).join('\n')}</pre>}
      {step.backtrace.length > 0 && <pre class="code" tabIndex={0} aria-label="Backtrace">{step.backtrace.join('\n')}</pre>}
    </li>
  );
}

/** Where a pointer of an answer lies in the text: the steps are at `/steps` of the body. */
function line(text: string, pointer: string): string {
  const at = pointer.startsWith('/steps') ? lineAt(text, pointer.slice('/steps'.length)) : null;
  return at === null ? '' : `line ${at}`;
}

/** A step as it is set: without what the gateway adds. */
function plain(step: Step): Step {
  const { running, previous, canary, ...rest } = step;
  const kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)) as Step;
  if (canary) kept.canary = { version: canary.version, share: canary.share };
  return kept;
}
