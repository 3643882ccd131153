// One tenant: endpoints, keys, usage, chain, plugins, event types, and who changed what.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useResource } from '../api/resource';
import type { ChainHistory, EventTypePage, Key, KeyPage, SeriesPage, Subscription, SubscriptionPage, Tenant, Usage } from '../api/schema';
import { bytes, count, words } from '../base/format';
import { links } from '../base/links';
import type { ScreenProps } from '../base/router';
import { Copy, Id } from '../parts/copy';
import { Confirm, Dialog } from '../parts/dialog';
import { Json } from '../parts/json';
import { Facts, Page, Section } from '../parts/page';
import { Sparkline } from '../parts/sparkline';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { ExactTime, Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { ChainView } from '../screens/chain';
import { address } from '../screens/endpoints';
import { EndpointState } from '../screens/endpoint-state';
import { PluginTable } from '../screens/plugins';
import { total } from './overview-data';

export default function TenantScreen({ params }: ScreenProps) {
  const { tenant = '' } = params;
  const found = useResource<Tenant>(path('tenants', tenant), { poll: 15_000 });
  const usage = useResource<Usage>(path('tenants', tenant, 'usage'), { poll: 5000 });
  const crumbs = [{ label: 'Tenants', href: links.tenants() }];
  if (!found.data) {
    return (
      <Page title={tenant} crumbs={crumbs}>
        {found.error ? <ErrorBox error={found.error} retry={found.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  return (
    <Page title={tenant} crumbs={crumbs} actions={<PortalLink tenant={tenant} />}>
      <Section>
        <Facts
          items={[
            ['Profile', found.data.profile],
            ['Pending deliveries', usage.data ? <a key="p" href={links.deliveries({ tenant, status: 'pending' })}>{count(usage.data.quotas.pending_deliveries.used)}</a> : '…'],
            ['Stored events', usage.data ? bytes(usage.data.quotas.stored_bytes.used) : '…'],
            ['Created', <ExactTime key="c" at={found.data.created} />],
          ]}
        />
      </Section>
      <Tabs
        label="Tenant"
        tabs={[
          { name: 'endpoints', label: 'Endpoints', count: found.data.subscriptions, body: () => <Endpoints tenant={tenant} /> },
          { name: 'usage', label: 'Usage', body: () => <UsageTab usage={usage.data} /> },
          { name: 'keys', label: 'Keys', body: () => <Keys tenant={tenant} /> },
          { name: 'chain', label: 'Chain', body: () => <ChainView tenant={tenant} /> },
          { name: 'plugins', label: 'Plugins', body: () => <PluginTable tenant={tenant} /> },
          { name: 'types', label: 'Event types', body: () => <Types tenant={tenant} /> },
          { name: 'history', label: 'History', body: () => <History tenant={tenant} /> },
        ]}
      />
    </Page>
  );
}

type EndpointRow = { endpoint: Subscription; attempts: number[]; failed: number[] };

function Endpoints({ tenant }: { tenant: string }) {
  const list = useResource<SubscriptionPage>('/v1/subscriptions', { tenant, query: { limit: 500 }, poll: 5000 });
  const series = useResource<SeriesPage>('/v1/metrics/series', { tenant, query: { measure: 'attempts,failed', by: 'subscription', step: '1m' }, poll: 10_000 });
  const rows = (list.data?.data ?? []).map((endpoint): EndpointRow => {
    const values = series.data?.series.find((one) => one.key === endpoint.id)?.values;
    const numbers = (name: string) => (values?.[name] ?? []).map((value) => value ?? 0);
    return { endpoint, attempts: numbers('attempts'), failed: numbers('failed') };
  });
  const columns: Column<EndpointRow>[] = [
    {
      name: 'url',
      title: 'Endpoint',
      grow: true,
      cell: ({ endpoint }) => (
        <>
          <span class="strong">{address(endpoint.url)}</span>
          {endpoint.description && <span class="faint"> {endpoint.description}</span>}
        </>
      ),
    },
    { name: 'state', title: 'State', cell: ({ endpoint }) => <EndpointState endpoint={endpoint} /> },
    { name: 'events', title: 'Events', hide: 'medium', cell: ({ endpoint }) => <code class="clip">{endpoint.events.join(', ')}</code> },
    {
      name: 'failed',
      title: 'Failed, last hour',
      number: true,
      hide: 'narrow',
      cell: ({ attempts, failed }) => (total(attempts) === 0 ? <span class="faint">–</span> : `${count(total(failed))} of ${count(total(attempts))}`),
    },
    { name: 'spark', title: 'Attempts by minute', quiet: true, hide: 'narrow', cell: ({ attempts, failed }) => attempts.length > 0 && <Sparkline values={attempts} label={`${total(attempts)} attempts in the last hour`} tone={total(failed) * 2 > total(attempts) ? 'bad' : 'plain'} /> },
  ];
  return (
    <>
      <Table label="Endpoints" columns={columns} rows={rows} rowKey={(row) => row.endpoint.id} href={(row) => links.endpoint(row.endpoint.id, tenant)} loading={list.loading} error={list.error} retry={list.reload} empty={<Empty title="No endpoints" icon="endpoint">The tenant’s customers register them, or its own systems.</Empty>} />
      {list.data?.next_cursor && <p class="hint after">The first 500 endpoints are shown.</p>}
    </>
  );
}

function Keys({ tenant }: { tenant: string }) {
  const list = useResource<KeyPage>(path('tenants', tenant, 'keys'), { query: { limit: 500 }, poll: 15_000 });
  const [revoked, setRevoked] = useState<Key>();
  const columns: Column<Key>[] = [
    { name: 'id', title: 'Key', grow: true, cell: (row) => <code class="strong">{row.hint}</code> },
    { name: 'scopes', title: 'Scopes', cell: (row) => (row.subscription ? <>consumer of <Id value={row.subscription} href={links.endpoint(row.subscription, tenant)} /></> : row.scopes.join(', ')) },
    { name: 'used', title: 'Last used', hide: 'narrow', cell: (row) => (row.last_used ? <Time at={row.last_used} /> : <span class="faint">never</span>) },
    { name: 'expires', title: 'Expires', hide: 'narrow', cell: (row) => (row.expired ? <Badge tone="warn">expired</Badge> : row.expires ? <Time at={row.expires} /> : <span class="faint">never</span>) },
    { name: 'created', title: 'Created', number: true, hide: 'medium', cell: (row) => <Time at={row.created} /> },
    {
      name: 'revoke',
      title: 'Revoke',
      quiet: true,
      number: true,
      cell: (row) => (
        <button type="button" class="button is-small" onClick={() => setRevoked(row)} aria-label={`Revoke ${row.hint}`}>
          Revoke
        </button>
      ),
    },
  ];
  return (
    <>
      <Table label="Keys" columns={columns} rows={list.data?.data ?? []} rowKey={(row) => row.id} loading={list.loading} error={list.error} retry={list.reload} empty={<Empty title="No keys" icon="key" />} />
      <p class="hint after">The keys themselves are not stored: only their digests and first characters.</p>
      {revoked && (
        <Confirm
          title={`Revoke ${revoked.hint}?`}
          action="Revoke"
          danger
          onClose={() => setRevoked(undefined)}
          run={async () => {
            await api('DELETE', path('tenants', tenant, 'keys', revoked.id));
            toast('The key is revoked.');
            list.reload();
          }}
        >
          <p>Requests with it are refused from now on. This cannot be undone.</p>
        </Confirm>
      )}
    </>
  );
}

function UsageTab({ usage }: { usage: Usage | undefined }) {
  if (!usage) return <Skeleton />;
  const { quotas } = usage;
  return (
    <>
      <ul class="meters">
        <Meter label="Pending deliveries" use={quotas.pending_deliveries} />
        <Meter label="Stored events" use={quotas.stored_bytes} format={bytes} />
        <Meter label={`Events in ${quotas.events_per_second.period}, this gateway`} use={{ used: quotas.events_per_second.used ?? 0, limit: quotas.events_per_second.burst ?? quotas.events_per_second.limit ?? null }} />
        <Meter label={`Retries and replays in ${quotas.replays_per_minute.period}, this gateway`} use={{ used: quotas.replays_per_minute.used ?? 0, limit: quotas.replays_per_minute.burst ?? quotas.replays_per_minute.limit ?? null }} />
        <Meter label="Answers kept for repeated calls" use={quotas.kept_answers} />
        <Meter label="Endpoints" use={usage.subscriptions} />
        <Meter label="Registry" use={usage.registry_bytes} format={bytes} />
        <Meter label="Memory, this gateway" use={usage.memory_bytes} format={bytes} />
        <Meter label="Waiting polls, this gateway" use={usage.waiting_polls} />
      </ul>
      <p class="hint after">
        Taken <Time at={usage.at} />. Where there is no limit, the rate of events and replays is not counted.
      </p>
    </>
  );
}

function Meter({ label, use, format = count }: { label: string; use: { used: number; limit?: number | null }; format?: (value: number) => string }) {
  const limited = use.limit !== null && use.limit !== undefined;
  return (
    <li>
      <div class="meter-head">
        <span>{label}</span>
        <span class="muted num">
          {format(use.used)} {limited ? `of ${format(use.limit ?? 0)}` : '· no limit'}
        </span>
      </div>
      {limited && <meter min={0} max={use.limit ?? 0} high={(use.limit ?? 0) * 0.8} value={use.used} aria-label={label} />}
    </li>
  );
}

function Types({ tenant }: { tenant: string }) {
  const list = useResource<EventTypePage>('/v1/event-types', { tenant, query: { limit: 500 } });
  if (list.error) return <ErrorBox error={list.error} retry={list.reload} />;
  if (!list.data) return <Skeleton />;
  if (list.data.data.length === 0) return <Empty title="No event types are described" icon="catalogue">Events of every type are accepted all the same.</Empty>;
  return (
    <ul class="step-list">
      {list.data.data.map((type, index) => (
        <li key={type.type ?? index}>
          <div class="attempt-head">
            <code class="strong">{type.type ?? 'without a name'}</code>
            <Badge>{type.source}</Badge>
            {type.validate && <Badge tone="info">validated</Badge>}
            {type.removed && <Badge tone="warn">fields removed</Badge>}
          </div>
          {type.description && <p class="muted">{type.description}</p>}
          {type.schema && (
            <details class="more">
              <summary>Schema</summary>
              <Json value={type.schema} label="schema" />
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function History({ tenant }: { tenant: string }) {
  const list = useResource<ChainHistory>('/v1/chain/history', { tenant, poll: 15_000 });
  return (
    <>
      <Table
        label="History"
        rows={list.data?.data ?? []}
        rowKey={(row) => `${row.at} ${row.what} ${row.chain ?? ''} ${row.plugin ?? ''}`}
        loading={list.loading}
        error={list.error}
        retry={list.reload}
        empty={<Empty title="Nothing has been changed" icon="history" />}
        columns={[
          { name: 'what', title: 'Change', grow: true, cell: (row) => <><span class="strong">{words(row.what)}</span> <span class="muted">{[row.plugin, row.from && row.to ? `${row.from} → ${row.to}` : (row.to ?? row.from), row.note].filter(Boolean).join(' · ')}</span></> },
          { name: 'chain', title: 'Chain', hide: 'narrow', cell: (row) => (row.chain && row.chain !== 'ingress' ? <Id value={row.chain} href={links.endpoint(row.chain, tenant)} /> : (row.chain ?? '–')) },
          { name: 'who', title: 'By', hide: 'narrow', cell: (row) => row.who },
          { name: 'at', title: 'When', number: true, cell: (row) => <Time at={row.at} /> },
        ]}
      />
      <p class="hint after">Changes of plugins and chains. Changes of endpoints and keys are not recorded.</p>
    </>
  );
}

/** Makes a sign-in link to the tenant's portal. */
function PortalLink({ tenant }: { tenant: string }) {
  const [link, setLink] = useState<string>();
  const make = async () => {
    try {
      setLink((await api<{ url: string }>('POST', path('tenants', tenant, 'portal-links'), { body: { capabilities: ['view'] } })).url);
    } catch (failure) {
      toastError(failure);
    }
  };
  return (
    <>
      <button type="button" class="button" onClick={() => void make()}>
        Portal link
      </button>
      {link && (
        <Dialog title="Link to the portal" onClose={() => setLink(undefined)}>
          <p>It opens the portal of {tenant} to look at, once, and within a minute.</p>
          <div class="snippet">
            <pre class="code">{link}</pre>
            <Copy text={link} label="Copy the link" />
          </div>
        </Dialog>
      )}
    </>
  );
}
