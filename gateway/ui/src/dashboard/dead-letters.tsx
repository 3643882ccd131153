// Deliveries that were given up, over all tenants, the latest death first.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useList } from '../api/list';
import type { MadeDelivery, TenantOfDelivery } from '../api/schema';
import { links } from '../base/links';
import { Icon } from '../parts/icon';
import { Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { TypeName } from '../parts/status';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { Answer, Bulk, deliveryHref } from '../screens/delivery-list';
import { useOperatorFilters } from './filters';

export default function DeadLetters() {
  const { filters, names } = useOperatorFilters('status');
  const list = useList<TenantOfDelivery>('/v1/operator/deliveries', { filters: names, query: { status: 'dead' } });
  const columns: Column<TenantOfDelivery>[] = [
    { name: 'type', title: 'Event', grow: true, cell: (row) => <TypeName type={row.type} /> },
    { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => row.tenant },
    { name: 'answer', title: 'Last response', cell: (row) => <Answer row={row} /> },
    { name: 'attempts', title: 'Attempts', number: true, hide: 'narrow', cell: (row) => row.attempts },
    { name: 'at', title: 'Given up', number: true, hide: 'narrow', cell: (row) => <Time at={row.finished} /> },
    { name: 'again', title: 'Retry', quiet: true, number: true, cell: (row) => <Retry row={row} reload={list.reload} /> },
  ];
  return (
    <Page title="Dead letters" about="Deliveries that were given up after their last attempt, over all tenants." actions={
        <>
          <Live on={list.live} error={list.error} />
          {list.rows.length > 0 && <Bulk fixed={{ status: 'dead', replayed: false }} />}
        </>
      }>
      <Filters filters={filters} />
      <ListTable
        label="Dead letters"
        list={list}
        columns={columns}
        rowKey={(row) => `${row.tenant} ${row.id}`}
        href={deliveryHref}
        empty={
          <Empty title="No dead letters" icon="check">
            None fits the filters, or every delivery arrived or is still tried.
          </Empty>
        }
      />
    </Page>
  );
}

function Retry({ row, reload }: { row: TenantOfDelivery; reload: () => void }) {
  const [busy, setBusy] = useState(false);
  if (row.replayed_as) {
    return (
      <a class="above" href={links.delivery(row.replayed_as, row.tenant)}>
        made again
      </a>
    );
  }
  const retry = async () => {
    setBusy(true);
    try {
      await api<MadeDelivery>('POST', path('deliveries', row.id, 'retry'), { tenant: row.tenant });
      toast('A new delivery was made.');
      reload();
    } catch (failure) {
      toastError(failure);
    }
    setBusy(false);
  };
  return (
    <button type="button" class="button is-small" disabled={busy} onClick={() => void retry()} aria-label={`Retry ${row.type} of ${row.tenant}`}>
      <Icon name="retry" />
      Retry
    </button>
  );
}
