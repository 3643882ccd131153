// One tenant: endpoints, keys, usage, chain, plugins, event types, and who changed what.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useResource } from '../api/resource';
import type { SeriesPage, Subscription, SubscriptionPage, Tenant, Usage } from '../api/schema';
import { bytes, count, plural, total } from '../base/format';
import { links } from '../base/links';
import type { ScreenProps } from '../base/router';
import { Copy } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import { lazy } from '../parts/lazy';
import { Facts, Page, Section } from '../parts/page';
import { Sparkline } from '../parts/sparkline';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { type Column, Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { ExactTime } from '../parts/time';
import { toastError } from '../parts/toast';
import { EndpointState, EndpointUrl } from '../screens/endpoint-parts';
import { History, Keys, Types } from './tenant-tabs';

const Meters = lazy(() => import('../screens/shared').then((part) => part.Meters));
const ChainView = lazy(() => import('../screens/chains').then((part) => part.ChainView));
const PluginTable = lazy(() => import('../screens/chains').then((part) => part.PluginTable));

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
    <Page title={tenant} crumbs={crumbs} actions={
        <>
          <a class="button" href={`${links.tenant(tenant)}/live`}>
            Live tail
          </a>
          <PortalLink tenant={tenant} />
        </>
      }>
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
          { name: 'usage', label: 'Usage', body: () => (usage.data ? <Meters usage={usage.data} /> : <Skeleton />) },
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
          <EndpointUrl url={endpoint.url} />
          {endpoint.description && <span class="faint"> {endpoint.description}</span>}
        </>
      ),
    },
    { name: 'state', title: 'State', cell: ({ endpoint }) => <EndpointState endpoint={endpoint} brief /> },
    { name: 'events', title: 'Events', hide: 'medium', cell: ({ endpoint }) => <code class="clip" title={endpoint.events.join(', ')}>{endpoint.events.join(', ')}</code> },
    {
      name: 'failed',
      title: 'Failed, last hour',
      number: true,
      hide: 'narrow',
      cell: ({ attempts, failed }) => (total(attempts) === 0 ? <span class="faint">–</span> : `${count(total(failed))} of ${count(total(attempts))}`),
    },
    { name: 'spark', title: 'Attempts by minute', quiet: true, hide: 'narrow', cell: ({ attempts, failed }) => attempts.length > 0 && <Sparkline values={attempts} label={`${plural(total(attempts), 'attempt')} in the last hour`} tone={total(failed) * 2 > total(attempts) ? 'bad' : 'plain'} /> },
  ];
  return (
    <>
      <Table label="Endpoints" columns={columns} rows={rows} rowKey={(row) => row.endpoint.id} href={(row) => links.endpoint(row.endpoint.id, tenant)} loading={list.loading} error={list.error} retry={list.reload} empty={<Empty title="No endpoints" icon="endpoint">The tenant’s customers register them, or its own systems.</Empty>} />
      {list.data?.next_cursor && <p class="hint after">The first 500 endpoints are shown.</p>}
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
