// One delivery: its life as a rail, why it stands as it does, and what was sent and answered.
import { api, path, toApiError } from '../api/client';
import { useResource } from '../api/resource';
import type { Attempt, DeliveryDetail, Event as StoredEvent, EventLine, Subscription } from '../api/schema';
import type { Page as ListPage } from '../api/list';
import { count, duration, words } from '../base/format';
import { links } from '../base/links';
import { navigate, type ScreenProps, useQuery } from '../base/router';
import { can } from '../base/session';
import { useState } from 'preact/hooks';
import { Id } from '../parts/copy';
import { Confirm } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { lazy } from '../parts/lazy';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { HttpStatus, Status } from '../parts/status';
import { Tabs } from '../parts/tabs';
import { Due, ExactTime, Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { DeliveryRail } from './delivery-rail';
import { cause, STAGES } from './outcome';
import { Which } from './which';

const RequestTab = lazy(() => import('./delivery-tabs').then((part) => part.RequestTab));
const ListenDialog = lazy(() => import('./delivery-tabs').then((part) => part.ListenDialog), null);
const ChainTab = lazy(() => import('./delivery-tabs').then((part) => part.ChainTab));
const History = lazy(() => import('./delivery-tabs').then((part) => part.History));

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
            ['Event', <Id key="event" whole value={data.event} href={links.event(data.event, tenant)} />],
            ['Endpoint', data.subscription === 'inline' ? 'named by the event' : <Id key="endpoint" whole value={data.subscription} href={links.endpoint(data.subscription, tenant)} />],
            ['Delivery', <Id key="delivery" whole value={data.id} />],
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
        {delivery.status === 'pending' && delivery.next_attempt && !endpoint?.pause && (
          <p>
            {tries === 0 ? 'First attempt: ' : 'Next attempt: '}
            <Due at={delivery.next_attempt} />.{last?.retry_after ? ` The endpoint asked for a pause of ${duration(last.retry_after * 1000)}.` : ''}
          </p>
        )}
        {delivery.status === 'dead' && !delivery.replayed_as && <p>Nothing more is sent by itself. A retry makes a new delivery of the same event.</p>}
        {delivery.replayed_as && (
          <p>
            It was made again: <a href={links.delivery(delivery.replayed_as, tenant)}>the newest delivery of this event to this endpoint</a>.
          </p>
        )}
        {endpoint?.pause && delivery.status === 'pending' && (
          <p>
            The endpoint is paused, because {endpoint.pause.reason === 'asked' ? 'it asked for it' : 'its last attempts failed'}: nothing is sent to it before <ExactTime at={endpoint.pause.until} />, <Time at={endpoint.pause.until} />.
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

function pretty(body: string): string {
  if (!/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

