// Dead letters: deliveries that were given up, latest death first, each with a retry.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useList } from '../api/list';
import { useResource } from '../api/resource';
import type { Delivery, SubscriptionPage } from '../api/schema';
import { useQuery } from '../base/router';
import { can } from '../base/session';
import { type Filter, filterNames, Filters } from '../parts/filters';
import { Icon } from '../parts/icon';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { Status } from '../parts/status';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { Bulk, deliveryColumns, deliveryHref, listFilters } from '../screens/delivery-list';
import { hostOf } from '../screens/endpoint-parts';

const filters: Filter[] = [
  ...listFilters.filter(({ name }) => name !== 'status' && name !== 'attempt'),
  { name: 'replayed', label: 'Open ones', kind: 'choice', options: [{ value: 'true', label: 'Sent again already' }, { value: 'any', label: 'All' }] },
];
const names = filterNames(filters).filter((name) => name !== 'replayed');

export default function DeadLetters() {
  const { params } = useQuery();
  const replayed = params.get('replayed') ?? 'false';
  const list = useList<Delivery>('/v1/deliveries', { filters: names, query: { status: 'dead', replayed: replayed === 'any' ? null : replayed } });
  const endpoints = useResource<SubscriptionPage>('/v1/subscriptions', { query: { limit: 500 } });
  const url = (id: string) => endpoints.data?.data.find((one) => one.id === id)?.url;
  const given = deliveryColumns(false);
  const pick = (name: string) => given.filter((column) => column.name === name) as Column<Delivery>[];
  const columns: Column<Delivery>[] = [
    ...pick('type'),
    { name: 'endpoint', title: 'Endpoint', hide: 'narrow', cell: (row) => <span class="muted clip">{hostOf(url(row.subscription) ?? row.subscription)}</span> },
    ...pick('answer'),
    ...pick('attempts'),
    { name: 'finished', title: 'Given up', number: true, hide: 'narrow', cell: (row) => <Time at={row.finished} /> },
    { name: 'retry', title: 'Retry', quiet: true, number: true, cell: (row) => (row.replayed_as ? <Status value="sent again" /> : can('retry') && <Retry id={row.id} done={list.reload} />) },
  ];
  return (
    <Page title="Dead letters" about="Deliveries that were given up. Each can be sent again." actions={
        <>
          <Live on={list.live} error={list.error} />
          {list.rows.length > 0 && can('retry') && <Bulk fixed={{ status: 'dead', ...(replayed === 'any' ? {} : { replayed: replayed === 'true' }) }} />}
        </>
      }>
      <Filters filters={filters} />
      <ListTable
        label="Dead letters"
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        href={deliveryHref}
        empty={
          <Empty title="No dead letters" icon="check">
            Nothing that fits the filters was given up.
          </Empty>
        }
      />
    </Page>
  );
}

function Retry({ id, done }: { id: string; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    try {
      await api('POST', path('deliveries', id, 'retry'));
      toast('It is sent again, as a new delivery.');
      done();
    } catch (cause) {
      toastError(cause);
    }
    setBusy(false);
  };
  return (
    <button type="button" class="button is-small" disabled={busy} onClick={() => void retry()}>
      <Icon name="retry" />
      Retry
    </button>
  );
}
