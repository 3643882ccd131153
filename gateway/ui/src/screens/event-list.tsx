// Columns of a list of events, for one tenant or all.
import type { EventLine, TenantOfEventLine } from '../api/schema';
import { bytes, count } from '../base/format';
import { links } from '../base/links';
import { Id } from '../parts/copy';
import { TypeName } from '../parts/status';
import type { Column } from '../parts/table';
import { Time } from '../parts/time';
import { tenantOf } from './delivery-list';

type Row = EventLine | TenantOfEventLine;

export function eventColumns(tenants: boolean): Column<Row>[] {
  const columns: Column<Row>[] = [
    { name: 'type', title: 'Event', grow: true, cell: (row) => <TypeName type={row.type} /> },
    { name: 'deliveries', title: 'Deliveries', cell: (row) => <Counts row={row} /> },
    { name: 'id', title: 'Event id', hide: 'medium', cell: (row) => <Id value={row.id} /> },
    { name: 'bytes', title: 'Size', number: true, hide: 'medium', cell: (row) => bytes(row.bytes) },
    { name: 'at', title: 'Accepted', number: true, cell: (row) => <Time at={row.accepted} /> },
  ];
  if (tenants) columns.splice(1, 0, { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => tenantOf(row) });
  return columns;
}

const STATES = [
  ['delivered', 'good'],
  ['pending', 'info'],
  ['dead', 'bad'],
  ['cancelled', 'plain'],
  ['shadowed', 'plain'],
] as const;

function Counts({ row }: { row: Row }) {
  const some = STATES.filter(([state]) => row.deliveries[state] > 0);
  if (some.length === 0) return <span class="faint">none</span>;
  return (
    <span class="counts">
      {some.map(([state, tone]) => (
        <span key={state} class={`tally is-${tone}`} title={`${row.deliveries[state]} ${state}`}>
          {count(row.deliveries[state])}
          <span class="tally-word"> {state}</span>
        </span>
      ))}
    </span>
  );
}

export const eventKey = (row: Row): string => `${tenantOf(row)} ${row.id}`;
export const eventHref = (row: Row): string => links.event(row.id, tenantOf(row));
