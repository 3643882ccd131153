// Test of an endpoint: the gateway sends a signed event, and what the endpoint answered is shown.
import { useEffect, useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useResource } from '../api/resource';
import type { DeliveryDetail, Event as StoredEvent, Subscription, TestedSubscription } from '../api/schema';
import { duration } from '../base/format';
import { links } from '../base/links';
import { can, session } from '../base/session';
import { FormError, SelectField, TextField, useSubmit } from '../parts/form';
import { Icon } from '../parts/icon';
import { Json } from '../parts/json';
import { Section } from '../parts/page';
import { ErrorBox } from '../parts/state';
import { HttpStatus, Status } from '../parts/status';
import { exampleOf, useCatalogue } from './catalogue-data';

const GREETING = 'hookgate.test';

export function Test({ endpoint }: { endpoint: Pick<Subscription, 'id'> }) {
  const catalogue = useCatalogue();
  const types = (catalogue.data ?? []).flatMap((one) => (one.type ? [one] : []));
  const [type, setType] = useState(GREETING);
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<string>();
  const [sent, setSent] = useState<TestedSubscription>();
  const choose = (next: string) => {
    setType(next);
    const chosen = types.find((one) => one.type === next);
    setText(chosen ? JSON.stringify(exampleOf(chosen.schema) ?? {}, null, 2) : '');
    setWrong(undefined);
  };
  // A session that sees some types only would not see what becomes of the greeting.
  const limited = session()?.types !== null && types.length > 0;
  const first = limited ? types[0]?.type : undefined;
  useEffect(() => {
    if (first) choose(first);
  }, [first]);
  const { busy, error, submit } = useSubmit(async () => {
    setWrong(undefined);
    let data: unknown;
    try {
      data = text.trim() ? JSON.parse(text) : undefined;
    } catch (cause) {
      return setWrong(cause instanceof Error ? cause.message : String(cause));
    }
    setSent(undefined);
    setSent(await api<TestedSubscription>('POST', path('subscriptions', endpoint.id, 'test'), { body: { type, ...(data === undefined ? {} : { data }) } }));
  });
  return (
    <div class="split">
      <form class="form" onSubmit={submit}>
        <p class="muted">
          A signed request from the gateway itself, to this endpoint only, whatever its event types and filter. It carries the header <code>webhook-test: true</code>.
        </p>
        <SelectField label="Event type" value={type} onChange={choose} options={[...(limited ? [] : [{ value: GREETING, label: `${GREETING} (a greeting)` }]), ...types.map((one) => ({ value: one.type ?? '', label: one.type ?? '' }))]} />
        <TextField label="Data" value={text} onInput={setText} rows={8} code placeholder={type === GREETING ? 'a greeting' : '{}'} pointer="/data" error={error} hint={type === GREETING ? 'JSON. Empty: the greeting.' : 'JSON.'} />
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <FormError error={error} pointers={['/data']} />
        <div>
          <button type="submit" class="button is-primary" disabled={busy}>
            <Icon name="send" />
            Send test
          </button>
        </div>
      </form>
      <div aria-live="polite">{sent ? <Outcome key={sent.delivery} sent={sent} /> : <p class="muted">The answer of the endpoint is shown here.</p>}</div>
    </div>
  );
}

function Outcome({ sent }: { sent: TestedSubscription }) {
  const delivery = useResource<DeliveryDetail>(path('deliveries', sent.delivery), { poll: (data) => (data.finished ? 0 : 700) });
  const event = useResource<StoredEvent>(can('payloads') ? path('events', sent.event) : null);
  const [since] = useState(Date.now);
  const [waited, setWaited] = useState(0);
  const attempt = delivery.data?.attempts.at(-1);
  useEffect(() => {
    if (attempt) return;
    const timer = setInterval(() => setWaited(Date.now() - since), 500);
    return () => clearInterval(timer);
  }, [attempt === undefined]);
  if (delivery.error && !delivery.data) return <ErrorBox error={delivery.error} retry={delivery.reload} />;
  return (
    <>
      <Section title="Answer" actions={<a href={links.delivery(sent.delivery)}>Delivery</a>}>
        {!attempt || !delivery.data ? (
          <p class="muted" role="status">
            Waiting for the endpoint… {waited > 2000 && `${Math.round(waited / 1000)} s`}
          </p>
        ) : (
          <div class="card answer">
            <p class="attempt-head">
              <Status value={attempt.outcome} />
              <HttpStatus code={attempt.response_status} />
              <span class="muted num">{duration(attempt.took_ms)}</span>
              {delivery.data.attempts.length > 1 && <span class="muted">attempt {attempt.number}</span>}
            </p>
            {attempt.reason && (
              <p>
                {attempt.stage && <span class="muted">{attempt.stage}: </span>}
                {attempt.reason}
              </p>
            )}
            {attempt.response_body ? <pre class="code" tabIndex={0}>{attempt.response_body}</pre> : <p class="faint">No body was answered, or it is not stored.</p>}
            {!delivery.data.finished && attempt.outcome !== 'delivered' && <p class="muted">It is attempted again by the usual schedule.</p>}
          </div>
        )}
      </Section>
      {event.data && (
        <Section title="Event as it was sent on">
          <Json value={event.data.data} label="event data" />
        </Section>
      )}
      <p class="hint">The headers of a sent request are not stored; your endpoint sees them, and <code>hookgate listen</code> shows and verifies them.</p>
    </>
  );
}
