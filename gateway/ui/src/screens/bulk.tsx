// Button that does to all that a list's filters find what a row's button does to one.
import { useState } from 'preact/hooks';
import type { BulkAction } from '../api/schema';
import { useQuery } from '../base/router';
import { Icon } from '../parts/icon';
import { BulkDialog } from './bulk-dialog';
import type { Chosen } from './job-filter';

/** `fixed`: what the list shows in any case, such as `status: 'dead'`. Nothing is offered unless the status of the deliveries is known. */
export function Bulk({ fixed = {} }: { fixed?: Chosen }) {
  const { params } = useQuery();
  const [open, setOpen] = useState<BulkAction>();
  const filter: Chosen = { ...filterOf(params), ...fixed };
  // A bulk action knows no search for an id or a job, and shadowed deliveries are not sent again.
  if (params.get('q') || params.get('job') || !filter.status || filter.status === 'shadowed') return null;
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

function filterOf(params: URLSearchParams): Chosen {
  const names = ['tenant', 'since', 'until', 'subscription', 'status', 'status_class', 'attempt'];
  // The gateway refuses words that it does not know.
  const filter = Object.fromEntries(names.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : []))) as Chosen;
  const types = (params.get('types') ?? '').split(',').filter(Boolean);
  if (types.length > 0) filter.types = types;
  return filter;
}
