// One delivery: what it came to, each attempt, and the event it carries.
import { api, path, toApiError } from '../api/client';
import { useResource } from '../api/resource';
import type { Attempt, DeliveryDetail, Event as StoredEvent, Subscription } from '../api/schema';
import { duration, words } from '../base/format';
import { links } from '../base/links';
import { navigate, type ScreenProps } from '../base/router';
import { can } from '../base/session';
import { Id } from '../parts/copy';
import { Icon } from '../parts/icon';
import { Json } from '../parts/json';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { HttpStatus, Status } from '../parts/status';
import { Tabs } from '../parts/tabs';
import { ExactTime, Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';

/** Milliseconds between reads: a delivery that has ended changes only by being made again. */
const poll = (delivery: DeliveryDetail): number => (delivery.finished ? 15_000 : 2000);

export default function DeliveryScreen({ params }: ScreenProps) {
  const { id = '', tenant = null } = params;
  const delivery = useResource<DeliveryDetail>(path('deliveries', id), { tenant, poll });
  const data = delivery.data;
  const event = useResource<StoredEvent>(data && can('payloads') ? path('events', data.event) : null, { tenant });
  const hasEndpoint = data !== undefined && data.subscription !== 'inline';
  const endpoint = useResource<Subscription>(hasEndpoint ? path('subscriptions', data.subscription) : null, { tenant });
  const crumbs = [{ label: 'Deliveries', href: links.deliveries() }];
  if (tenant) crumbs.push({ label: tenant, href: links.deliveries({ tenant }) });
  if (!data) {
    return (
      <Page title="Delivery" crumbs={crumbs}>
        {delivery.error ? <ErrorBox error={delivery.error} retry={delivery.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  return (
    <Page
      title={`${data.type} · delivery`}
      heading={
        <>
          {data.type} <Status value={data.status} />
        </>
      }
      about={endpoint.data?.url}
      crumbs={crumbs}
      actions={<Actions delivery={data} tenant={tenant} reload={delivery.reload} />}
    >
      {delivery.error && <ErrorBox error={delivery.error} retry={delivery.reload} />}
      <Section>
        <Facts
          items={[
            ['Event', <Id key="event" value={data.event} />],
            ['Endpoint', data.subscription === 'inline' ? 'named by the event' : <Id key="endpoint" value={data.subscription} />],
            ['Delivery', <Id key="delivery" value={data.id} />],
            ['Trigger', words(data.trigger)],
            ['First attempt', <ExactTime key="first" at={data.first_attempt} />],
            ['Next attempt', data.next_attempt ? <Time key="next" at={data.next_attempt} /> : null],
            ['Finished', data.finished ? <ExactTime key="finished" at={data.finished} /> : null],
            ['Made again as', data.replayed_as ? <Id key="again" value={data.replayed_as} href={links.delivery(data.replayed_as, tenant)} /> : null],
          ]}
        />
      </Section>
      <Tabs
        label="Delivery"
        tabs={[
          { name: 'attempts', label: 'Attempts', count: data.attempts.length, body: () => <Attempts attempts={data.attempts} /> },
          {
            name: 'event',
            label: 'Event',
            body: () => {
              if (!can('payloads')) return <Empty title="Your session does not include payloads" icon="key" />;
              if (event.data) return <Json value={event.data.data} label="payload" />;
              return event.error ? <ErrorBox error={event.error} retry={event.reload} /> : <Skeleton />;
            },
          },
        ]}
      />
    </Page>
  );
}

function Actions({ delivery, tenant, reload }: { delivery: DeliveryDetail; tenant: string | null; reload: () => void }) {
  if (!can('retry')) return null;
  const retry = async () => {
    try {
      const { id } = await api<{ id: string }>('POST', path('deliveries', delivery.id, 'retry'), { tenant });
      toast(id === delivery.id ? 'It is attempted now.' : 'A new delivery was made.');
      if (id === delivery.id) reload();
      else navigate(links.delivery(id, tenant));
    } catch (cause) {
      toastError(toApiError(cause));
    }
  };
  return (
    <button type="button" class="button is-primary" onClick={() => void retry()}>
      <Icon name="retry" />
      {delivery.status === 'pending' ? 'Attempt now' : 'Retry'}
    </button>
  );
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  if (attempts.length === 0) return <Empty title="Not attempted yet" icon="send" />;
  return (
    <ol class="attempts">
      {[...attempts].reverse().map((attempt) => (
        <li key={attempt.number}>
          <div class="attempt-head">
            <span class="strong">Attempt {attempt.number}</span>
            <Status value={attempt.outcome} />
            <HttpStatus code={attempt.response_status} />
            <span class="muted num">{duration(attempt.took_ms)}</span>
            <span class="push muted">
              <Time at={attempt.started} />
            </span>
          </div>
          {attempt.reason && (
            <p>
              {attempt.stage && <span class="muted">{attempt.stage}: </span>}
              {attempt.reason}
            </p>
          )}
          {attempt.response_body ? <pre class="code">{attempt.response_body}</pre> : <p class="faint">No answer body was stored.</p>}
        </li>
      ))}
    </ol>
  );
}
