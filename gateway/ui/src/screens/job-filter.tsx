// Filter of a bulk action in words.
import type { BulkFilter } from '../api/schema';
import { exact, words } from '../base/format';

/** The filter of a tenant's job, and the tenant where it is the operator's. */
export type Chosen = BulkFilter & { tenant?: string };

export function FilterText({ filter }: { filter: Chosen }) {
  const parts = [
    filter.status && words(filter.status),
    filter.replayed === false && 'open',
    filter.replayed === true && 'made again',
    filter.types && `types ${filter.types.join(', ')}`,
    filter.status_class && `response ${filter.status_class}`,
    filter.attempt && (filter.attempt === 'first' ? 'at the first attempt' : 'after retries'),
    filter.subscription && `endpoint ${filter.subscription}`,
    filter.tenant && `tenant ${filter.tenant}`,
    filter.since && `from ${exact(Date.parse(filter.since)).slice(0, 19)}`,
    filter.until && `to ${exact(Date.parse(filter.until)).slice(0, 19)}`,
  ].filter(Boolean);
  return <>{parts.length > 0 ? parts.join(' · ') : 'everything'}</>;
}
