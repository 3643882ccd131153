// Plugins of a tenant as a table.
import { useResource } from '../api/resource';
import type { Plugin, PluginPage } from '../api/schema';
import { bytes } from '../base/format';
import { links } from '../base/links';
import { Empty } from '../parts/state';
import { Badge } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { Time } from '../parts/time';

const columns: Column<Plugin>[] = [
  {
    name: 'name',
    title: 'Plugin',
    grow: true,
    cell: (row) => (
      <>
        <span class="strong">{row.name}</span> <span class="muted">{row.versions[0]?.summary}</span>
      </>
    ),
  },
  { name: 'version', title: 'Version', cell: (row) => row.versions[0]?.version },
  { name: 'owner', title: 'Owner', hide: 'narrow', cell: (row) => <Badge>{row.owner}</Badge> },
  { name: 'breaker', title: 'Calls', hide: 'narrow', cell: (row) => (row.versions.some((one) => one.breaker !== 'closed') ? <Badge tone="bad">stopped</Badge> : <span class="muted">as usual</span>) },
  { name: 'bytes', title: 'Size', number: true, hide: 'medium', cell: (row) => bytes(row.versions[0]?.bytes ?? 0) },
  { name: 'uploaded', title: 'Uploaded', number: true, hide: 'medium', cell: (row) => (row.versions[0]?.uploaded ? <Time at={row.versions[0].uploaded} /> : <span class="muted">shipped</span>) },
];

export function PluginTable({ tenant }: { tenant: string | null }) {
  const list = useResource<PluginPage>('/v1/plugins', { tenant, query: { limit: 500 }, poll: 15_000 });
  return <Table label="Plugins" columns={columns} rows={list.data?.data ?? []} rowKey={(row) => row.name} href={(row) => links.plugin(row.name, tenant)} loading={list.loading} error={list.error} retry={list.reload} empty={<Empty title="No plugins" icon="plugin" />} />;
}
