// One delivery: its life as a rail, why it stands as it does, and what was sent and answered.
import { api, path, toApiError } from '../api/client';
import { useResource } from '../api/resource';
import type { Attempt, Delivery, DeliveryDetail, Event as StoredEvent, EventLine, Subscription } from '../api/schema';
import type { Page as ListPage } from '../api/list';
import { count, duration, words } from '../base/format';
import { links } from '../base/links';
import { navigate, type ScreenProps, useQuery } from '../base/router';
import { can } from '../base/session';
import { useState } from 'preact/hooks';
import { Id } from '../parts/copy';
import { Confirm } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { HttpStatus, Status } from '../parts/status';
import { Tabs } from '../parts/tabs';
import { ExactTime, Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { DeliveryRail } from './delivery-rail';
import { RequestTab } from './delivery-request';
import { ListenDialog } from './delivery-listen';
import { StepReports } from './steps';

/** Milliseconds between reads: a delivery that has ended changes only by being made again. */
const poll = (delivery: DeliveryDetail): number => (delivery.finished ? 15_000 : 2000);

/** What the parts of the screen show. What has not come, or is refused, is left out. */
export type DeliveryParts = {
  tenant: string | null;
  delivery: DeliveryDetail;
  /** Read with the capability `payloads` only. */
  event: StoredEvent | undefined;
  /** Line of the event in the list, which has the time of its acceptance; null: test events and dropped ones have none. */
  line: EventLine | null | undefined;
  endpoint: Subscription | undefined;
  attempt: Attempt | undefined;
};

export default function DeliveryScreen({ params }: ScreenProps) {
  const { id = '', tenant = null } = params;
  const delivery = useResource<DeliveryDetail>(path('deliveries', id), { tenant, poll });
  const data = delivery.data;
  const event = useResource<StoredEvent>(data && can('payloads') ? path('events', data.event) : null, { tenant });
  const found = useResource<ListPage<EventLine>>(data ? '/v1/events' : null, { tenant, query: { order: 'newest', limit: 1, q: data?.event } });
  const endpoint = useResource<Subscription>(data && data.subscription !== 'inline' ? path('subscriptions', data.subscription) : null, { tenant, poll: data?.finished ? 0 : 5000 });
  const { params: query } = useQuery();
  const crumbs = [{ label: 'Deliveries', href: links.deliveries() }];
  if (tenant) crumbs.unshift({ label: tenant, href: links.tenant(tenant) });
  if (!data) {
    return (
      <Page title="Delivery" crumbs={crumbs}>
        {delivery.error ? <ErrorBox error={delivery.error} retry={delivery.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  const chosen = Number(query.get('attempt'));
  const parts: DeliveryParts = {
    tenant,
    delivery: data,
    event: event.data,
    line: found.data ? (found.data.data[0] ?? null) : undefined,
    endpoint: endpoint.data,
    attempt: data.attempts.find((one) => one.number === chosen) ?? data.attempts.at(-1),
  };
  const url = endpoint.data?.url ?? event.data?.deliver_to;
  return (
    <Page
      title={`${data.type} · delivery`}
      heading={
        <>
          {data.type} <Status value={data.status} />
        </>
      }
      about={url && <>to {url}</>}
      crumbs={crumbs}
      actions={<Actions {...parts} reload={delivery.reload} />}
    >
      {delivery.error && <ErrorBox error={delivery.error} retry={delivery.reload} />}
      <Why {...parts} />
      <Section>
        <Facts
          items={[
            ['Event', <Id key="event" value={data.event} href={links.event(data.event, tenant)} />],
            ['Endpoint', data.subscription === 'inline' ? 'named by the event' : <Id key="endpoint" value={data.subscription} href={links.endpoint(data.subscription, tenant)} />],
            ['Delivery', <Id key="delivery" value={data.id} />],
            ['Made by', data.trigger === 'published' ? 'the event itself' : data.trigger === 'test' ? 'a test of the endpoint' : 'a retry, replay or recovery'],
          ]}
        />
      </Section>
      <div class="delivery">
        <DeliveryRail {...parts} />
        <Tabs
          label="Delivery"
          tabs={[
            { name: 'response', label: 'Response', body: () => <ResponseTab {...parts} /> },
            { name: 'request', label: 'Request', body: () => <RequestTab {...parts} failed={event.error} /> },
            { name: 'chain', label: 'Chain', body: () => <ChainTab {...parts} /> },
            { name: 'history', label: 'History', count: data.attempts.length, body: () => <History {...parts} /> },
          ]}
        />
      </div>
    </Page>
  );
}

/** Says in a sentence or two how the delivery stands, and why. */
function Why({ delivery, endpoint, tenant }: DeliveryParts) {
  const last = delivery.attempts.at(-1);
  const tries = delivery.attempts.length;
  const tone = delivery.status === 'delivered' ? 'good' : delivery.status === 'dead' ? 'bad' : delivery.status === 'pending' && tries > 0 ? 'warn' : 'plain';
  return (
    <div class={`why is-${tone}`}>
      <Icon name={tone === 'good' ? 'check' : tone === 'bad' || tone === 'warn' ? 'dead' : 'history'} />
      <div>
        <p class="strong">{summary(delivery, last)}</p>
        {delivery.status === 'pending' && delivery.next_attempt && (
          <p>
            {tries === 0 ? 'The first attempt is due ' : 'The next attempt is due '}
            <Time at={delivery.next_attempt} />.{last?.retry_after ? ` The endpoint asked for a pause of ${duration(last.retry_after * 1000)}.` : ''}
          </p>
        )}
        {delivery.status === 'dead' && !delivery.replayed_as && <p>Nothing more is sent by itself. A retry makes a new delivery of the same event.</p>}
        {delivery.replayed_as && (
          <p>
            It was made again: <a href={links.delivery(delivery.replayed_as, tenant)}>the newest delivery of this event to this endpoint</a>.
          </p>
        )}
        {endpoint?.pause && (
          <p>
            The endpoint is paused until <Time at={endpoint.pause.until} />, because {endpoint.pause.reason === 'asked' ? 'it asked for it' : 'its last attempts failed'}.
          </p>
        )}
        {endpoint?.disabled && <p>The endpoint is disabled ({words(endpoint.disabled.reason)}): it is sent nothing.</p>}
      </div>
    </div>
  );
}

function summary(delivery: DeliveryDetail, last: Attempt | undefined): string {
  const tries = delivery.attempts.length;
  const times = tries === 1 ? 'after one attempt' : `after ${count(tries)} attempts`;
  switch (delivery.status) {
    case 'delivered':
      return last ? `Delivered ${tries === 1 ? 'at the first attempt' : times}: the endpoint answered ${last.response_status ?? ''} in ${duration(last.took_ms)}.` : 'Delivered.';
    case 'shadowed':
      return 'Recorded, not sent: the endpoint is in shadow mode.';
    case 'cancelled':
      return last?.outcome === 'dropped' ? 'Not sent: a step of the endpoint’s chain dropped it.' : `Cancelled ${tries === 0 ? 'before an attempt' : times}.`;
    case 'dead':
      return `Given up ${times}. ${last ? cause(last) : ''}`;
    default:
      return last ? `Attempt ${last.number} failed. ${cause(last)}` : 'Waits for its first attempt.';
  }
}

/** What an attempt came to, as a sentence. */
export function cause(attempt: Attempt): string {
  const reason = attempt.reason ? ` ${attempt.reason.replace(/\.?$/, '.')}` : '';
  switch (attempt.outcome) {
    case 'delivered':
      return `The endpoint answered ${attempt.response_status ?? 'with success'}.`;
    case 'http_error':
      return `The endpoint answered ${attempt.response_status ?? 'an error'}.`;
    case 'timed_out':
      return `The endpoint did not answer in time.${reason}`;
    case 'unreachable':
      return `The endpoint could not be reached${attempt.stage ? ` (${STAGES[attempt.stage] ?? attempt.stage})` : ''}.${reason}`;
    case 'blocked':
      return `The address is not allowed by the gateway’s configuration.${reason}`;
    case 'plugin_failed':
      return `A step of the endpoint’s chain failed.${reason}`;
    case 'dropped':
      return `A step of the endpoint’s chain dropped it.${reason}`;
    case 'postponed':
      return `A step of the endpoint’s chain put it off.${reason}`;
    case 'crashed':
      return 'The gateway stopped during the attempt: it is not known whether the endpoint received it.';
    case 'shadowed':
      return 'Recorded, not sent.';
    default:
      return `${words(attempt.outcome)}.${reason}`;
  }
}

const STAGES: Record<string, string> = {
  resolve: 'its name was not resolved',
  connect: 'no connection',
  tls: 'the TLS handshake failed',
  send: 'while sending the request',
  head: 'before the response’s headers came',
  body: 'while the response’s body came',
};

function Actions({ delivery, tenant, event, reload }: DeliveryParts & { reload: () => void }) {
  const [open, setOpen] = useState<'cancel' | 'listen'>();
  const close = () => setOpen(undefined);
  const pending = delivery.status === 'pending';
  const retry = async () => {
    try {
      const { id } = await api<{ id: string }>('POST', path('deliveries', delivery.id, 'retry'), { tenant });
      toast(id === delivery.id ? 'It is attempted now.' : 'A new delivery was made.');
      if (id === delivery.id) reload();
      else navigate(links.delivery(id, tenant));
    } catch (failure) {
      toastError(toApiError(failure));
    }
  };
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen('listen')}>
        <Icon name="send" />
        Send to my machine
      </button>
      {can('retry') && pending && (
        <button type="button" class="button" onClick={() => setOpen('cancel')}>
          Cancel delivery
        </button>
      )}
      {can('retry') && (
        <button type="button" class="button is-primary" onClick={() => void retry()}>
          <Icon name="retry" />
          {pending ? 'Send now' : 'Retry'}
        </button>
      )}
      {open === 'cancel' && (
        <Confirm
          title="Cancel this delivery?"
          action="Cancel delivery"
          danger
          onClose={close}
          run={async () => {
            await api('POST', path('deliveries', delivery.id, 'cancel'), { tenant });
            toast('The delivery is cancelled.');
            reload();
          }}
        >
          <p>It is not attempted any more. The event and what was tried stay; a retry can make the delivery again.</p>
        </Confirm>
      )}
      {open === 'listen' && <ListenDialog delivery={delivery} event={event} tenant={tenant} onClose={close} />}
    </>
  );
}

function ResponseTab({ attempt, delivery }: DeliveryParts) {
  if (!attempt) return <Empty title="Not attempted yet" icon="send" />;
  const answered = attempt.response_status !== null && attempt.response_status !== undefined;
  return (
    <>
      <Which attempt={attempt} delivery={delivery} />
      <p class="lead">{cause(attempt)}</p>
      <Facts
        items={[
          ['Status', answered ? <HttpStatus key="s" code={attempt.response_status} /> : 'no response'],
          ['Duration', <span key="d" class="num">{duration(attempt.took_ms)}</span>],
          ['Started', <ExactTime key="t" at={attempt.started} />],
          ['Retry-After', attempt.retry_after ? duration(attempt.retry_after * 1000) : null],
          ['Stage', attempt.stage ? (STAGES[attempt.stage] ?? attempt.stage) : null],
        ]}
      />
      {answered && (
        <Section title="Body">
          {attempt.response_body ? <pre class="code" tabIndex={0} aria-label="Response body">{pretty(attempt.response_body)}</pre> : <p class="faint">The response had no body, or none was stored.</p>}
        </Section>
      )}
      <p class="hint">Stored are the status and the beginning of the body. The response’s headers are not stored.</p>
    </>
  );
}

/** The attempt that is shown, where there are several. */
export function Which({ attempt, delivery }: { attempt: Attempt; delivery: DeliveryDetail }) {
  const { set } = useQuery();
  if (delivery.attempts.length < 2) return null;
  const last = delivery.attempts.at(-1);
  return (
    <p class="which">
      <label>
        <span class="muted">Attempt</span>
        <select class="filter" value={attempt.number} onChange={(event) => set({ attempt: event.currentTarget.value === String(last?.number) ? null : event.currentTarget.value }, { replace: true })}>
          {delivery.attempts.map((one) => (
            <option key={one.number} value={one.number}>
              {one.number} · {one.response_status ?? words(one.outcome)}
            </option>
          ))}
        </select>
      </label>
      <span class="muted">of {delivery.attempts.length}</span>
    </p>
  );
}

function pretty(body: string): string {
  if (!/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function ChainTab({ event, delivery, tenant }: DeliveryParts) {
  const own = delivery.attempts.find((one) => one.steps.length > 0);
  return (
    <>
      <Section title="When the event was accepted">
        {event ? (
          <StepReports steps={event.steps} data={event.data} empty="The tenant’s chain had no step: the event is stored as it came." />
        ) : can('payloads') ? (
          <Skeleton />
        ) : (
          <Empty title="Your session does not include payloads" icon="key">
            The chain’s report is a part of the event.
          </Empty>
        )}
      </Section>
      <Section title="Before it was sent">
        <StepReports steps={own?.steps ?? []} empty="The endpoint has no chain of its own, or it has not run yet." />
      </Section>
      <p class="hint">
        Stored are the places that a step changed, never their values. <code>*</code> stands for a key that the step may have read in the event, for example the name of a removed member.{' '}
        <a href={links.event(delivery.event, tenant)}>The event as it is stored</a>
      </p>
    </>
  );
}

function History({ delivery, event, tenant }: DeliveryParts) {
  const others: Delivery[] = event?.deliveries.filter((one) => one.subscription === delivery.subscription) ?? [];
  return (
    <>
      {delivery.attempts.length === 0 ? (
        <Empty title="Not attempted yet" icon="send" />
      ) : (
        <ol class="attempts">
          {[...delivery.attempts].reverse().map((attempt) => (
            <li key={attempt.number}>
              <div class="attempt-head">
                <span class="strong">Attempt {attempt.number}</span>
                <Status value={attempt.outcome} />
                <HttpStatus code={attempt.response_status} />
                <span class="muted num">{duration(attempt.took_ms)}</span>
                <span class="push muted">
                  <ExactTime at={attempt.started} />
                </span>
              </div>
              <p>{cause(attempt)}</p>
            </li>
          ))}
        </ol>
      )}
      {others.length > 1 && (
        <Section title="Deliveries of this event to this endpoint">
          <ol class="attempts">
            {others.map((one) => (
              <li key={one.id}>
                <div class="attempt-head">
                  {one.id === delivery.id ? <span class="strong">This one</span> : <a href={links.delivery(one.id, tenant)}>{one.trigger === 'published' ? 'The first' : 'Made again'}</a>}
                  <Status value={one.status} />
                  <HttpStatus code={one.last_status} />
                  <span class="push muted">
                    <ExactTime at={one.first_attempt} />
                  </span>
                </div>
              </li>
            ))}
          </ol>
        </Section>
      )}
    </>
  );
}
