// Recovery of what an endpoint missed: repeated calls, each a part, with progress and a way to stop.
import { useRef, useState } from 'preact/hooks';
import { api, path } from '../api/client';
import type { Recovered, RecoverOnly, Subscription } from '../api/schema';
import { plural } from '../base/format';
import { Dialog } from '../parts/dialog';
import { FormError, SelectField, TextField, useSubmit } from '../parts/form';
import { Field } from '../parts/form';

const ONLY: { value: RecoverOnly; label: string }[] = [
  { value: 'failed', label: 'What was not delivered' },
  { value: 'dead', label: 'Dead letters only' },
  { value: 'all', label: 'Everything again, delivered or not' },
];

type Progress = { deliveries: number; events: number; left: number; ended: boolean };

export function Recover({ endpoint, since, onClose }: { endpoint: Subscription; since?: string | undefined; onClose: () => void }) {
  const [from, setFrom] = useState(local(since ? Date.parse(since) : Date.now() - 86_400_000));
  const [only, setOnly] = useState<RecoverOnly>('failed');
  const [types, setTypes] = useState('');
  const [progress, setProgress] = useState<Progress>();
  const stopped = useRef(false);
  const run = async () => {
    stopped.current = false;
    let cursor: string | null | undefined;
    const sum: Progress = { deliveries: 0, events: 0, left: 0, ended: false };
    const patterns = types.split(/[\s,]+/).filter(Boolean);
    setProgress({ ...sum });
    do {
      const part = await api<Recovered>('POST', path('subscriptions', endpoint.id, 'recover'), {
        body: { since: new Date(from).toISOString(), only, ...(patterns.length > 0 ? { types: patterns } : {}), ...(cursor ? { cursor } : {}) },
      });
      sum.deliveries += part.deliveries;
      sum.events += part.events;
      sum.left += part.left_out;
      cursor = part.next_cursor;
      sum.ended = !cursor;
      setProgress({ ...sum });
    } while (cursor && !stopped.current);
  };
  const { busy, error, submit } = useSubmit(run);
  const close = () => {
    stopped.current = true;
    onClose();
  };
  return (
    <Dialog
      title="Recover what it missed"
      onClose={close}
      actions={
        <>
          <button type="button" class="button" onClick={busy ? () => (stopped.current = true) : close}>
            {busy ? 'Stop' : progress?.ended ? 'Close' : 'Cancel'}
          </button>
          <button type="button" class="button is-primary" disabled={busy || from === ''} onClick={submit}>
            {busy ? 'Recovering…' : progress && !progress.ended ? 'Resume' : 'Recover'}
          </button>
        </>
      }
    >
      <p class="muted">Sends stored events again. What is still pending is left alone.</p>
      <Field label="Events accepted since" pointer="/since" error={error}>
        {(control) => <input {...control} type="datetime-local" step={1} class="input" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />}
      </Field>
      <SelectField label="Which" value={only} onChange={(value) => setOnly(value as RecoverOnly)} options={ONLY} />
      <TextField label="Only these event types" value={types} onInput={setTypes} placeholder="all" code pointer="/types" error={error} hint={<>Separated by commas, such as <code>invoice.*</code>.</>} />
      <FormError error={error} pointers={['/since', '/types']} />
      {progress && (
        <p role="status">
          <strong>{plural(progress.deliveries, 'delivery', 'deliveries')}</strong> made, {plural(progress.events, 'event')} looked at{progress.ended ? '. Complete.' : busy ? '…' : '. Not complete.'}
          {progress.left > 0 && ` ${plural(progress.left, 'event')} left out: the filter takes too much work.`}
        </p>
      )}
    </Dialog>
  );
}

/** A time in the form of a `datetime-local` input, in the browser's zone. */
const local = (time: number): string => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
