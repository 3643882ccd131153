// Filter of a bulk action in words.
import { exact, words } from '../base/format';
import type { BulkFilter } from './job-types';

export function FilterText({ filter }: { filter: BulkFilter }) {
  const parts = [
    filter.status && words(filter.status),
    filter.replayed === false && 'not sent again yet',
    filter.replayed === true && 'sent again already',
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
