// Settings of an endpoint, as they hold.
import type { Subscription } from '../api/schema';
import { Copy, Id } from '../parts/copy';
import { Json } from '../parts/json';
import { Facts, Section } from '../parts/page';
import { ExactTime } from '../parts/time';

export function Settings({ endpoint }: { endpoint: Subscription }) {
  const retry = endpoint.retry;
  return (
    <>
      <Facts
        items={[
          ['Endpoint', <Id key="i" whole value={endpoint.id} />],
          ['Events', <code key="e">{endpoint.events.join(', ')}</code>],
          ['Payload', endpoint.payload === 'thin' ? 'thin: ids only' : 'full'],
          ['Mode', endpoint.mode === 'shadow' ? 'shadow: recorded, not sent' : 'send'],
          ['Owner', endpoint.owner],
          ['Timeout', endpoint.timeout ?? 'as configured'],
          ['Retries', retry?.schedule ? retry.schedule.join(', ') : retry ? `${retry.attempts ?? '…'} attempts, from ${retry.base ?? '…'} up to ${retry.max ?? '…'}` : 'as configured'],
          ['Own headers', endpoint.headers.length > 0 ? `${endpoint.headers.join(', ')} (values are never shown)` : 'none'],
          ['Created', <ExactTime key="c" at={endpoint.created} />],
        ]}
      />
      {endpoint.filter && (
        <Section title="Filter">
          <Json value={endpoint.filter} label="filter" />
        </Section>
      )}
      <p class="hint after">
        <Copy words text={`/v1/subscriptions/${endpoint.id}`} label="Copy its path in the API" />
      </p>
    </>
  );
}
