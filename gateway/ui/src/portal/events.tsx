// Events of the tenant, newest first, with what their deliveries came to.
import { useList } from '../api/list';
import type { DeliveryCounts, EventLine } from '../api/schema';
import { bytes } from '../base/format';
import { links } from '../base/links';
import { Id } from '../parts/copy';
import { filterNames, Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { Badge, type Tone } from '../parts/status';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { listFilters } from '../screens/delivery-list';

const names = filterNames(listFilters);

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
        href={(row) => links.event(row.id)}
        empty={
          <Empty title="No events" icon="event">
            None fits the filters, or none was published yet.
          </Empty>
        }
      />
    </Page>
  );
}

const columns: Column<EventLine>[] = [
  { name: 'type', title: 'Event', grow: true, cell: (row) => <span class="strong">{row.type}</span> },
  { name: 'deliveries', title: 'Deliveries', cell: (row) => <Counts of={row.deliveries} /> },
  { name: 'id', title: 'Id', hide: 'medium', cell: (row) => <Id value={row.id} /> },
  { name: 'bytes', title: 'Size', number: true, hide: 'narrow', cell: (row) => bytes(row.bytes) },
  { name: 'at', title: 'Accepted', number: true, cell: (row) => <Time at={row.accepted} /> },
];

const TONES: [keyof DeliveryCounts, Tone][] = [
  ['dead', 'bad'],
  ['pending', 'info'],
  ['delivered', 'good'],
  ['cancelled', 'plain'],
  ['shadowed', 'plain'],
];

function Counts({ of }: { of: DeliveryCounts }) {
  const shown = TONES.filter(([name]) => of[name] > 0);
  if (shown.length === 0) return <span class="faint">none</span>;
  return (
    <span class="badges">
      {shown.map(([name, tone]) => (
        <Badge key={name} tone={tone}>
          {of[name]} {name}
        </Badge>
      ))}
    </span>
  );
}
