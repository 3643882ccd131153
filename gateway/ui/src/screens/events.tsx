// Events of a tenant, or of all, newest first, with what their deliveries came to.
import { useList } from '../api/list';
import type { EventLine } from '../api/schema';
import { area } from '../base/router';
import { Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { eventColumns, eventHref, eventKey } from './event-list';
import { useListFilters } from './list-filters';

const all = area === 'dashboard';
const columns = eventColumns(all);
const [place, query] = all ? ['/v1/operator/events', {}] : ['/v1/events', { order: 'newest' }];

export default function Events() {
  const { filters, names } = useListFilters();
  const list = useList<EventLine>(place, { filters: names, query });
  return (
    <Page title="Events" about={all ? 'What producers published, over all tenants. Events that a plugin dropped are not listed.' : 'What happened, and what became of it.'} actions={<Live on={list.live} error={list.error} />}>
      <Filters filters={filters} />
      <ListTable
        label="Events"
        list={list}
        columns={columns}
        rowKey={eventKey}
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
