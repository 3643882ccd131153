// Dead letters of a tenant, or of all: deliveries that were given up, latest death first, each with a retry.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useList } from '../api/list';
import type { Delivery } from '../api/schema';
import { links } from '../base/links';
import { area, useQuery } from '../base/router';
import { can } from '../base/session';
import { type Filter, Filters } from '../parts/filters';
import { Icon } from '../parts/icon';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { Bulk, deliveryColumns, deliveryHref, deliveryKey, deliveryPlace, tenantOf } from './delivery-list';
import { useAddresses } from './endpoints';
import { useListFilters } from './list-filters';

const all = area === 'dashboard';
/** Those that nothing was made in place of yet, unless others are asked for. */
const OPEN = 'false';
const replayedFilter: Filter = {
  name: 'replayed',
  label: 'State',
  kind: 'choice',
  usual: OPEN,
  options: [
    { value: OPEN, label: 'Open' },
    { value: 'true', label: 'Made again' },
    { value: 'any', label: 'All' },
  ],
};

export default function DeadLetters() {
  const { params } = useQuery();
  const { filters, names } = useListFilters(['status', 'attempt'], [replayedFilter]);
  const asked = params.get('replayed') ?? OPEN;
  const fixed = { status: 'dead' as const, ...(asked === 'any' ? {} : { replayed: asked === 'true' }) };
  const list = useList<Delivery>(deliveryPlace, { filters: names.filter((name) => name !== 'replayed'), query: fixed });
  const given = deliveryColumns(all, useAddresses(list.rows));
  const pick = (name: string) => given.filter((column) => column.name === name);
  const columns: Column<Delivery>[] = [
    ...pick('type'),
    ...pick('tenant'),
    ...pick('endpoint'),
    ...pick('answer'),
    ...pick('attempts'),
    { name: 'finished', title: 'Given up', number: true, hide: 'narrow', cell: (row) => <Time at={row.finished} /> },
    { name: 'retry', title: 'Retry', quiet: true, number: true, cell: (row) => <Retry row={row} reload={list.reload} /> },
  ];
  return (
    <Page title="Dead letters" about={`Deliveries that were given up after their last attempt${all ? ', over all tenants' : ''}. Each can be made again.`} actions={
        <>
          <Live on={list.live} error={list.error} />
          {list.rows.length > 0 && can('retry') && <Bulk fixed={fixed} />}
        </>
      }>
      <Filters filters={filters} />
      <ListTable
        label="Dead letters"
        list={list}
        columns={columns}
        rowKey={deliveryKey}
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

function Retry({ row, reload }: { row: Delivery; reload: () => void }) {
  const [busy, setBusy] = useState(false);
  const tenant = tenantOf(row);
  if (row.replayed_as) {
    return (
      <a class="above" href={links.delivery(row.replayed_as, tenant)}>
        made again
      </a>
    );
  }
  if (!can('retry')) return null;
  const retry = async () => {
    setBusy(true);
    try {
      await api('POST', path('deliveries', row.id, 'retry'), { tenant });
      toast('A new delivery was made.');
      reload();
    } catch (failure) {
      toastError(failure);
    }
    setBusy(false);
  };
  return (
    <button type="button" class="button is-small" disabled={busy} onClick={() => void retry()} aria-label={`Retry ${row.type}${tenant ? ` of ${tenant}` : ''}`}>
      <Icon name="retry" />
      Retry
    </button>
  );
}
