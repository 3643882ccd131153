// Columns of a list of attempts, for one tenant or all.
import type { LoggedAttempt, TenantOfLoggedAttempt } from '../api/schema';
import { duration } from '../base/format';
import { links } from '../base/links';
import { HttpStatus, Status } from '../parts/status';
import type { Column } from '../parts/table';
import { Time } from '../parts/time';
import { endpointColumn, tenantOf, typeColumn } from './delivery-list';

type Row = LoggedAttempt | TenantOfLoggedAttempt;

/** `address`: text of a row's endpoint. */
export function attemptColumns(tenants: boolean, address: (row: Row) => string): Column<Row>[] {
  const columns: Column<Row>[] = [
    typeColumn(address),
    { name: 'outcome', title: 'Outcome', cell: (row) => <Status value={row.outcome} /> },
    { name: 'answer', title: 'Response', cell: (row) => <HttpStatus code={row.response_status} /> },
    { name: 'number', title: 'Attempt', number: true, hide: 'narrow', cell: (row) => row.number },
    { name: 'took', title: 'Duration', number: true, hide: 'medium', cell: (row) => duration(row.took_ms) },
    { name: 'after', title: 'Delivery', hide: 'medium', cell: (row) => <Status value={row.status} /> },
    endpointColumn(address),
    { name: 'at', title: 'Time', number: true, cell: (row) => <Time at={row.at} /> },
  ];
  if (tenants) columns.splice(1, 0, { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => tenantOf(row) });
  return columns;
}

export const attemptHref = (tenant?: string | null) => (row: Row): string => `${links.delivery(row.delivery, tenant ?? tenantOf(row))}?attempt=${row.number}`;
export const attemptKey = (row: Row): string => `${row.delivery} ${row.number} ${row.at}`;
