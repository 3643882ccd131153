// Filter of a bulk action in words, and what the action leads to.
import type { BulkAction, BulkFilter, BulkJob } from '../api/schema';
import { exact, words } from '../base/format';
import { links } from '../base/links';

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

/** Set for a retry that makes pending deliveries due, and no new ones. */
export const hastens = (action: BulkAction, filter: BulkFilter): boolean => action === 'retry' && filter.status === 'pending';

/** The list of the deliveries that a job made; undefined for a job that makes none. */
export function madeBy({ id, action, filter, tenant }: BulkJob & { tenant?: string | undefined }): string | undefined {
  if ((action !== 'retry' && action !== 'recover') || hastens(action, filter)) return undefined;
  return links.deliveries({ job: id, ...(tenant ? { tenant } : {}) });
}
