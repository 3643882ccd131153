// Button that does to all that a list's filters find what a row's button does to one.
import { useState } from 'preact/hooks';
import { useQuery } from '../base/router';
import { Icon } from '../parts/icon';
import { BulkDialog } from './bulk-dialog';
import type { BulkAction, BulkFilter } from './job-types';

/** `fixed`: what the list shows in any case, such as `status: 'dead'`. Nothing is offered unless the status of the deliveries is known. */
export function Bulk({ fixed = {} }: { fixed?: BulkFilter }) {
  const { params } = useQuery();
  const [open, setOpen] = useState<BulkAction>();
  const filter: BulkFilter = { ...filterOf(params), ...fixed };
  // A bulk action knows no search for an id, and shadowed deliveries are not sent again.
  if (params.get('q') || !filter.status || filter.status === 'shadowed') return null;
  const pending = filter.status === 'pending';
  const button = (action: BulkAction, label: string, icon: string) => (
    <button type="button" class="button" onClick={() => setOpen(action)}>
      <Icon name={icon} />
      {label}
    </button>
  );
  return (
    <>
      {button('retry', pending ? 'Send all that match now' : 'Retry all that match', 'retry')}
      {pending && button('cancel', 'Cancel all that match', 'close')}
      {open && <BulkDialog action={open} filter={filter} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function filterOf(params: URLSearchParams): BulkFilter {
  const filter: BulkFilter = {};
  for (const name of ['tenant', 'since', 'until', 'subscription', 'status', 'status_class', 'attempt'] as const) {
    const value = params.get(name);
    if (value) filter[name] = value;
  }
  const types = (params.get('types') ?? '').split(',').filter(Boolean);
  if (types.length > 0) filter.types = types;
  return filter;
}
