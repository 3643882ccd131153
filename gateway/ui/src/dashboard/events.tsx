// Events of all tenants, newest first.
import { useList } from '../api/list';
import type { TenantOfEventLine } from '../api/schema';
import { Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { eventColumns, eventHref } from '../screens/event-list';
import { useOperatorFilters } from './filters';

const columns = eventColumns(true);

export default function Events() {
  const { filters, names } = useOperatorFilters();
  const list = useList<TenantOfEventLine>('/v1/operator/events', { filters: names });
  return (
    <Page title="Events" about="What producers published, over all tenants. Events that a plugin dropped are not listed." actions={<Live on={list.live} error={list.error} />}>
      <Filters filters={filters} />
      <ListTable
        label="Events"
        list={list}
        columns={columns}
        rowKey={(row) => `${row.tenant} ${row.id}`}
        href={eventHref}
        empty={
          <Empty title="No events" icon="event">
            None fits the filters, or nothing has been published yet.
          </Empty>
        }
      />
    </Page>
  );
}
