// Columns of a list of attempts, for one tenant or all.
import type { LoggedAttempt, TenantOfLoggedAttempt } from '../api/schema';
import { duration } from '../base/format';
import { links } from '../base/links';
import { Id } from '../parts/copy';
import { HttpStatus, Status, TypeName } from '../parts/status';
import type { Column } from '../parts/table';
import { Time } from '../parts/time';
import { tenantOf } from './delivery-list';

type Row = LoggedAttempt | TenantOfLoggedAttempt;

/** `endpoint`: text of a subscription, where its address is known. */
export function attemptColumns(tenants: boolean, endpoint?: (id: string) => string | undefined): Column<Row>[] {
  const columns: Column<Row>[] = [
    { name: 'type', title: 'Event', grow: true, cell: (row) => <TypeName type={row.type} /> },
    { name: 'outcome', title: 'Outcome', cell: (row) => <Status value={row.outcome} /> },
    { name: 'answer', title: 'Response', cell: (row) => <HttpStatus code={row.response_status} /> },
    { name: 'number', title: 'Attempt', number: true, hide: 'narrow', cell: (row) => row.number },
    { name: 'took', title: 'Duration', number: true, hide: 'narrow', cell: (row) => duration(row.took_ms) },
    { name: 'after', title: 'Delivery', hide: 'medium', cell: (row) => <Status value={row.status} /> },
    { name: 'endpoint', title: 'Endpoint', hide: 'medium', cell: (row) => <Endpoint row={row} text={endpoint?.(row.subscription)} /> },
    { name: 'at', title: 'Time', number: true, cell: (row) => <Time at={row.at} /> },
  ];
  if (tenants) columns.splice(1, 0, { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => tenantOf(row) });
  return columns;
}

export const attemptHref = (tenant?: string | null) => (row: Row): string => `${links.delivery(row.delivery, tenant ?? tenantOf(row))}?attempt=${row.number}`;
export const attemptKey = (row: Row): string => `${row.delivery} ${row.number} ${row.at}`;

function Endpoint({ row, text }: { row: Row; text: string | undefined }) {
  if (row.subscription === 'inline') return <span class="muted">named by the event</span>;
  if (text) return <span class="clip" title={text}>{text}</span>;
  return <Id value={row.subscription} href={links.endpoint(row.subscription, tenantOf(row))} />;
}
