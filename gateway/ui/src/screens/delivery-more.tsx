// Tabs of a delivery that are loaded when they are shown: what the chains did, and every attempt.
import type { Delivery } from '../api/schema';
import { duration } from '../base/format';
import { links } from '../base/links';
import { area } from '../base/router';
import { can } from '../base/session';
import { Section } from '../parts/page';
import { Empty, Skeleton } from '../parts/state';
import { HttpStatus, Status } from '../parts/status';
import { ExactTime } from '../parts/time';
import type { DeliveryParts } from './delivery';
import { cause } from './outcome';
import { StepReports, StepsNote } from './steps';

export function ChainTab({ event, delivery, tenant }: DeliveryParts) {
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
        {own && area === 'dashboard' && (
          <p class="hint after">
            <a href={`${links.endpoint(delivery.subscription, tenant)}?tab=chain&event=${encodeURIComponent(delivery.event)}`}>Try the chain with this event</a>, to see the values before and after.
          </p>
        )}
      </Section>
      <StepsNote steps={[...(event?.steps ?? []), ...(own?.steps ?? [])]}>
        <a href={`${links.event(delivery.event, tenant)}?tab=data`}>The event as it is stored</a>
      </StepsNote>
    </>
  );
}

export function History({ delivery, event, tenant }: DeliveryParts) {
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
