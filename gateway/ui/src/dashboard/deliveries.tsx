// Deliveries of all tenants, newest first.
import { useList } from '../api/list';
import type { TenantOfDelivery } from '../api/schema';
import { can } from '../base/session';
import { Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { Bulk, deliveryColumns, deliveryHref } from '../screens/delivery-list';
import { useOperatorFilters } from './filters';

const columns = deliveryColumns(true);

export default function Deliveries() {
  const { filters, names } = useOperatorFilters();
  const list = useList<TenantOfDelivery>('/v1/operator/deliveries', { filters: names });
  return (
    <Page title="Deliveries" about="Every event on its way to an endpoint, over all tenants." actions={
        <>
          <Live on={list.live} error={list.error} />
          {can('retry') && <Bulk />}
        </>
      }>
      <Filters filters={filters} />
      <ListTable
        label="Deliveries"
        list={list}
        columns={columns}
        rowKey={(row) => `${row.tenant} ${row.id}`}
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
