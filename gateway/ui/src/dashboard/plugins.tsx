// Plugins over all tenants: how their calls went in this gateway, and those that the operator shares.
import { useResource } from '../api/resource';
import type { Plugin, PluginPage } from '../api/schema';
import { bytes, count, micros } from '../base/format';
import { Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { Table } from '../parts/table';
import { Time } from '../parts/time';
import { labelled, useMetrics } from './metrics';

type Calls = { plugin: string; version: string; calls: number; failed: number; seconds: number };

export default function Plugins() {
  const { found, error } = useMetrics(5000);
  const shared = useResource<PluginPage>('/v1/shared/plugins', { query: { limit: 500 }, poll: 15_000 });
  return (
    <Page title="Plugins" about="What runs in the chains of all tenants. A tenant’s page has its plugins’ journal and failures by kind.">
      <Section title="Calls in this gateway">
        {found ? (
          <Table
            label="Calls"
            rows={calls(found)}
            rowKey={(row) => `${row.plugin} ${row.version}`}
            columns={[
              { name: 'plugin', title: 'Plugin', grow: true, cell: (row) => <span class="strong">{row.plugin}</span> },
              { name: 'version', title: 'Version', cell: (row) => row.version },
              { name: 'calls', title: 'Calls', number: true, cell: (row) => count(row.calls) },
              { name: 'failed', title: 'Failed', number: true, cell: (row) => (row.failed > 0 ? <Badge tone="bad">{count(row.failed)}</Badge> : '0') },
              { name: 'mean', title: 'Mean time', number: true, hide: 'narrow', cell: (row) => (row.calls > 0 ? micros(Math.round((row.seconds / row.calls) * 1e6)) : '–') },
              { name: 'total', title: 'In all', number: true, hide: 'narrow', cell: (row) => micros(Math.round(row.seconds * 1e6)) },
            ]}
            empty={
              <Empty title="No calls yet" icon="plugin">
                No chain has a step, or no event has come since the gateway started.
              </Empty>
            }
          />
        ) : error ? (
          <ErrorBox error={error} />
        ) : (
          <Skeleton />
        )}
      </Section>
      <Section title="Shared by the operator">
        {shared.error && !shared.data ? (
          <ErrorBox error={shared.error} retry={shared.reload} />
        ) : (
          <Table
            label="Shared plugins"
            loading={shared.loading}
            rows={shared.data?.data ?? []}
            rowKey={(row) => row.name}
            columns={[
              { name: 'name', title: 'Plugin', grow: true, cell: (row: Plugin) => <><span class="strong">{row.name}</span> <span class="muted">{row.versions[0]?.summary}</span></> },
              { name: 'versions', title: 'Versions', cell: (row) => row.versions.map((one) => one.version).join(', ') },
              { name: 'bytes', title: 'Size', number: true, hide: 'narrow', cell: (row) => bytes(row.versions[0]?.bytes ?? 0) },
              { name: 'uploaded', title: 'Uploaded', number: true, hide: 'narrow', cell: (row) => <Time at={row.versions[0]?.uploaded} /> },
            ]}
            empty={
              <Empty title="None are shared" icon="plugin">
                The operator can upload plugins for every tenant; those that come with the gateway are there in any case.
              </Empty>
            }
          />
        )}
      </Section>
    </Page>
  );
}

function calls(found: Map<string, number>): Calls[] {
  const rows = new Map<string, Calls>();
  const row = ({ plugin = '', version = '' }: Record<string, string>): Calls => {
    const key = `${plugin} ${version}`;
    const known = rows.get(key) ?? { plugin, version, calls: 0, failed: 0, seconds: 0 };
    rows.set(key, known);
    return known;
  };
  for (const { labels, value } of labelled(found, 'hookgate_plugin_calls_total')) {
    row(labels).calls += value;
    if (labels['verdict'] === 'failed') row(labels).failed += value;
  }
  for (const { labels, value } of labelled(found, 'hookgate_plugin_call_seconds_sum')) row(labels).seconds += value;
  return [...rows.values()].sort((a, b) => b.calls - a.calls);
}
