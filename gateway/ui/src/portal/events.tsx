// Events of the tenant, newest first, with what their deliveries came to.
import { useList } from '../api/list';
import type { EventLine } from '../api/schema';
import { filterNames, Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { listFilters } from '../screens/delivery-list';
import { eventColumns, eventHref } from '../screens/event-list';

const names = filterNames(listFilters);
const columns = eventColumns(false);

export default function Events() {
  const list = useList<EventLine>('/v1/events', { filters: names, query: { order: 'newest' } });
  return (
    <Page title="Events" about="What happened, and what became of it." actions={<Live on={list.live} error={list.error} />}>
      <Filters filters={listFilters} />
      <ListTable
        label="Events"
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        href={eventHref}
        empty={
          <Empty title="No events" icon="event">
            None fits the filters, or none was published yet.
          </Empty>
        }
      />
    </Page>
  );
}
