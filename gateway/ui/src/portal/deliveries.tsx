// Deliveries of the tenant, newest first.
import { useList } from '../api/list';
import type { Delivery } from '../api/schema';
import { can } from '../base/session';
import { filterNames, Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { Bulk, deliveryColumns, deliveryHref, listFilters } from '../screens/delivery-list';

const names = filterNames(listFilters);
const columns = deliveryColumns(false);

export default function Deliveries() {
  const list = useList<Delivery>('/v1/deliveries', { filters: names });
  return (
    <Page title="Deliveries" about="Every event on its way to one of your endpoints." actions={
        <>
          <Live on={list.live} error={list.error} />
          {can('retry') && <Bulk />}
        </>
      }>
      <Filters filters={listFilters} />
      <ListTable
        label="Deliveries"
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
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
