// Deliveries of a tenant, or of all, newest first.
import { useList } from '../api/list';
import type { Delivery } from '../api/schema';
import { area } from '../base/router';
import { can } from '../base/session';
import { type Filter, Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { Bulk, deliveryColumns, deliveryHref, deliveryKey, deliveryPlace } from './delivery-list';
import { useAddresses } from './endpoints';
import { useListFilters } from './list-filters';

/** The job that made the deliveries: a job's row leads here. */
const chips: Filter[] = [{ name: 'job', label: 'of job', kind: 'chip' }];
const all = area === 'dashboard';

export default function Deliveries() {
  const { filters, names } = useListFilters([], chips);
  const list = useList<Delivery>(deliveryPlace, { filters: names });
  const columns = deliveryColumns(all, useAddresses(list.rows));
  return (
    <Page title="Deliveries" about={all ? 'Every event on its way to an endpoint, over all tenants.' : 'Every event on its way to one of your endpoints.'} actions={
        <>
          <Live on={list.live} error={list.error} />
          {list.rows.length > 0 && can('retry') && <Bulk />}
        </>
      }>
      <Filters filters={filters} />
      <ListTable
        label="Deliveries"
        list={list}
        columns={columns}
        rowKey={deliveryKey}
        href={deliveryHref}
        empty={
          <Empty title="No deliveries" icon="send">
            None fits the filters, or nothing has been sent yet.
          </Empty>
        }
      />
    </Page>
  );
}
