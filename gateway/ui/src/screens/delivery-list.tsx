// Filters and columns of a list of deliveries, for one tenant or all.
import type { Delivery, TenantOfDelivery } from '../api/schema';
import { words } from '../base/format';
import { links } from '../base/links';
import { area } from '../base/router';
import type { Column } from '../parts/table';
import type { Filter } from '../parts/filters';
import { lazy } from '../parts/lazy';
import { Id } from '../parts/copy';
import { HttpStatus, Status, TypeName } from '../parts/status';
import { Due, Time } from '../parts/time';
import { shortAddress } from './endpoints';

/** Buttons that act on all that the filters find: for sessions with the capability `retry`. */
export const Bulk = lazy(() => import('./jobs-screens').then((part) => part.Bulk), null);

export const STATUSES = ['pending', 'delivered', 'dead', 'cancelled', 'shadowed'];
export const CLASSES = ['2xx', '3xx', '4xx', '5xx', 'network', 'plugin'];

const options = (values: string[]) => values.map((value) => ({ value, label: words(value) }));

export const listFilters: Filter[] = [
  { name: 'q', label: 'Event id, delivery id or idempotency key', placeholder: 'Id or idempotency key', kind: 'text', search: true },
  { name: 'types', label: 'Event types', placeholder: 'Types: invoice.*', kind: 'text' },
  { name: 'status', label: 'Status', kind: 'choice', options: options(STATUSES) },
  { name: 'status_class', label: 'Response', kind: 'choice', options: options(CLASSES) },
  { name: 'attempt', label: 'Attempt', kind: 'choice', options: [{ value: 'first', label: 'first attempt' }, { value: 'retry', label: 'retries' }] },
  { name: 'since', label: 'Any time', kind: 'range' },
];

type Row = Delivery | TenantOfDelivery;

export const tenantOf = (row: object): string | null => ('tenant' in row && typeof row.tenant === 'string' ? row.tenant : null);

/** `address`: text of a row's endpoint; left out in the list of one endpoint. */
export function deliveryColumns(tenants: boolean, address?: (row: Row) => string): Column<Row>[] {
  const columns: Column<Row>[] = [
    typeColumn(address),
    { name: 'status', title: 'Status', cell: (row) => <Status value={row.status} /> },
    { name: 'answer', title: 'Response', cell: (row) => <Answer row={row} /> },
    { name: 'attempts', title: 'Attempts', number: true, hide: 'narrow', cell: (row) => row.attempts },
    address ? endpointColumn(address) : { name: 'event', title: 'Event id', hide: 'medium', cell: (row) => <Id value={row.event} /> },
    { name: 'next', title: 'Next try', hide: 'medium', cell: (row) => <Due at={row.next_attempt} /> },
    { name: 'at', title: 'Started', number: true, cell: (row) => <Time at={row.first_attempt} /> },
  ];
  if (tenants) columns.splice(1, 0, { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => tenantOf(row) });
  return columns;
}

type OfEndpoint = { subscription: string; type: string };

/** Type of the event, and the endpoint where there is no room for its column. */
export const typeColumn = <T extends OfEndpoint>(address?: (row: T) => string): Column<T> => ({
  name: 'type',
  title: 'Event',
  grow: true,
  cell: (row) => (
    <>
      <TypeName type={row.type} />
      {address && <span class="only-medium muted"> {shortAddress(address(row))}</span>}
    </>
  ),
});

export const endpointColumn = <T extends OfEndpoint>(address: (row: T) => string): Column<T> => ({
  name: 'endpoint',
  title: 'Endpoint',
  hide: 'medium',
  cell: (row) => (
    <span class="muted" title={address(row)}>
      {shortAddress(address(row))}
    </span>
  ),
});

export function Answer({ row }: { row: Row }) {
  if (row.last_status !== null && row.last_status !== undefined) return <HttpStatus code={row.last_status} />;
  return <span class="muted">{row.last_outcome ? words(row.last_outcome) : '–'}</span>;
}

/** Path of the API's list. */
export const deliveryPlace = area === 'dashboard' ? '/v1/operator/deliveries' : '/v1/deliveries';
export const deliveryKey = (row: Row): string => `${tenantOf(row)} ${row.id}`;
export const deliveryHref = (row: Row): string => links.delivery(row.id, tenantOf(row));
