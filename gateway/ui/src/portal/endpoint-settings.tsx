// Settings of an endpoint, as they hold.
import { useState } from 'preact/hooks';
import type { Subscription } from '../api/schema';
import { plural, words } from '../base/format';
import { can } from '../base/session';
import { Id } from '../parts/copy';
import { Json } from '../parts/json';
import { Facts, Section } from '../parts/page';
import { ExactTime } from '../parts/time';
import { Ask } from './endpoint-ask';

export function Settings({ endpoint }: { endpoint: Subscription }) {
  const [deleting, setDeleting] = useState(false);
  const { retry } = endpoint;
  return (
    <>
      <Section>
        <Facts
          items={[
            ['Event types', endpoint.events.includes('*') ? 'all' : <span class="patterns">{endpoint.events.map((one) => <code key={one}>{one}</code>)}</span>],
            ['Payload', endpoint.payload === 'thin' ? 'thin: ids, status and times' : 'full'],
            ['Headers', endpoint.headers.length > 0 ? <span class="patterns">{endpoint.headers.map((one) => <code key={one}>{one}</code>)}</span> : 'none of its own'],
            ['Timeout', endpoint.timeout ?? 'default'],
            ['Retries', retry?.schedule ? `after ${retry.schedule.join(', ')}` : retry?.attempts ? plural(retry.attempts, 'attempt') : 'default'],
            ['Mode', endpoint.mode === 'shadow' ? 'shadow: recorded, not sent' : words(endpoint.mode)],
            ['Made', <ExactTime key="created" at={endpoint.created} />],
            ['Id', <Id key="id" whole value={endpoint.id} />],
          ]}
        />
      </Section>
      <Section title="Filter">{endpoint.filter ? <Json value={endpoint.filter} label="filter" /> : <p class="muted">None: every event of these types is sent.</p>}</Section>
      {can('endpoints.write') && (
        <Section>
          <button type="button" class="button is-quiet-danger" onClick={() => setDeleting(true)}>
            Delete endpoint
          </button>
        </Section>
      )}
      {deleting && <Ask what="delete" endpoint={endpoint} onClose={() => setDeleting(false)} />}
    </>
  );
}
