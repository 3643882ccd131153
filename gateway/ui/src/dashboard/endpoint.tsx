// One endpoint of a tenant: how it does, what it is sent, and its settings.
import { useState } from 'preact/hooks';
import { path } from '../api/client';
import { useList } from '../api/list';
import { useResource } from '../api/resource';
import type { Delivery, SeriesPage, Subscription, SubscriptionStats } from '../api/schema';
import { count, words } from '../base/format';
import { links } from '../base/links';
import { type ScreenProps, useQuery } from '../base/router';
import { Chart } from '../parts/chart';
import { type Filter, filterNames, Filters } from '../parts/filters';
import { Icon } from '../parts/icon';
import { lazy } from '../parts/lazy';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Live, Skeleton } from '../parts/state';
import { HttpStatus } from '../parts/status';
import { ListTable } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { Time } from '../parts/time';
import { deliveryColumns, listFilters } from '../screens/delivery-list';
import { EndpointState, EndpointUrl } from '../screens/endpoint-parts';
import { Actions } from './endpoint-actions';
import { Settings } from './endpoint-settings';

const ChainView = lazy(() => import('../screens/chains').then((part) => part.ChainView));
const Signing = lazy(() => import('../screens/shared').then((part) => part.Signing));

export default function EndpointScreen({ params }: ScreenProps) {
  const { id = '', tenant = null } = params;
  const endpoint = useResource<Subscription>(path('subscriptions', id), { tenant, poll: 3000 });
  const crumbs = tenant
    ? [
        { label: 'Tenants', href: links.tenants() },
        { label: tenant, href: links.tenant(tenant) },
      ]
    : [];
  const data = endpoint.data;
  if (!data) {
    return (
      <Page title="Endpoint" crumbs={crumbs}>
        {endpoint.error ? <ErrorBox error={endpoint.error} retry={endpoint.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  return (
    <Page
      title={data.url}
      heading={<EndpointUrl url={data.url} />}
      about={
        <span class="about-row">
          <EndpointState endpoint={data} brief />
          {data.description}
        </span>
      }
      crumbs={crumbs}
      actions={<Actions endpoint={data} tenant={tenant} reload={endpoint.reload} />}
    >
      {endpoint.error && <ErrorBox error={endpoint.error} retry={endpoint.reload} />}
      <Paused endpoint={data} />
      <Health id={id} tenant={tenant} />
      <Tabs
        label="Endpoint"
        tabs={[
          { name: 'deliveries', label: 'Deliveries', body: () => <Deliveries id={id} tenant={tenant} /> },
          { name: 'settings', label: 'Settings', body: () => <Settings endpoint={data} /> },
          { name: 'signing', label: 'Signing', body: () => <Signing id={id} tenant={tenant} /> },
          { name: 'chain', label: 'Chain', body: () => <ChainView tenant={tenant} subscription={id} /> },
        ]}
      />
    </Page>
  );
}

/** Why nothing is sent at the moment. */
function Paused({ endpoint }: { endpoint: Subscription }) {
  const { pause, disabled } = endpoint;
  if (!pause && !disabled) return null;
  return (
    <div class="why is-warn">
      <Icon name="pause" />
      <div>
        {disabled ? (
          <>
            <p class="strong">
              Disabled <Time at={disabled.since} />: {disabled.reason === 'gone' ? 'the endpoint answered 410' : disabled.reason === 'failing' ? 'too many of its attempts failed' : 'it was asked for'}.
            </p>
            <p>It is given no events. After it is activated, the events that it missed can be recovered.</p>
          </>
        ) : pause ? (
          <>
            <p class="strong">
              Paused: {pause.reason === 'asked' ? 'it answered 429 or 503 and asked for a pause' : 'its last attempts failed'}. The next attempt is due <Time at={pause.until} />.
            </p>
            <p>Its deliveries wait, and no attempts are used up. Other gateways find out by themselves.</p>
          </>
        ) : null}
      </div>
    </div>
  );
}

const SPANS = [
  { value: '', label: 'Last hour', step: '1m', minutes: 60 },
  { value: '6h', label: 'Last 6 hours', step: '1m', minutes: 360 },
  { value: '24h', label: 'Last 24 hours', step: '1h', minutes: 1440 },
  { value: '7d', label: 'Last 7 days', step: '1h', minutes: 10_080 },
];

function Health({ id, tenant }: { id: string; tenant: string | null }) {
  const { params, set } = useQuery();
  const span = SPANS.find((one) => one.value === params.get('span')) ?? SPANS[0];
  const minute = Math.floor(Date.now() / 60_000);
  const since = new Date((minute - (span?.minutes ?? 60)) * 60_000).toISOString();
  const series = useResource<SeriesPage>('/v1/metrics/series', { tenant, query: { measure: 'delivered,failed,p50,p95', step: span?.step ?? '1m', since, subscription: id }, poll: 10_000 });
  const stats = useResource<SubscriptionStats>(path('subscriptions', id, 'stats'), { tenant, poll: 10_000 });
  const [last, setLast] = useState<SeriesPage>();
  // The span's beginning moves with each minute: what was read before stays until the next answer.
  if (series.data && series.data !== last) setLast(series.data);
  const shown = series.data ?? last;
  const values = shown?.series[0]?.values;
  const totals = stats.data?.totals;
  return (
    <Section
      title="Attempts"
      actions={
        <select class="filter" aria-label="Span of time" value={span?.value} onChange={(event) => set({ span: event.currentTarget.value || null }, { replace: true })}>
          {SPANS.map((one) => (
            <option key={one.value} value={one.value}>
              {one.label}
            </option>
          ))}
        </select>
      }
    >
      {series.error && !shown && <ErrorBox error={series.error} retry={series.reload} />}
      {shown && (
        <div class="charts">
          <div class="card">
            <Chart
              label="Attempts delivered and failed"
              times={shown.times}
              bars={span?.step === '1h'}
              series={[
                { label: 'delivered', values: values?.['delivered'] ?? [], tone: 'good' },
                { label: 'failed', values: values?.['failed'] ?? [], tone: 'bad' },
              ]}
            />
          </div>
          <div class="card">
            {values?.['p50']?.some((value) => value !== null) ? (
              <Chart
                label="Duration of successful attempts in milliseconds"
                times={shown.times}
                series={[
                  { label: 'median, ms', values: values?.['p50'] ?? [], tone: 'accent' },
                  { label: '95th percentile, ms', values: values?.['p95'] ?? [], tone: 'warn' },
                ]}
              />
            ) : (
              <p class="muted">No attempt succeeded in this span: there is no duration to show.</p>
            )}
          </div>
        </div>
      )}
      {stats.data && totals && (
        <Facts
          items={[
            [`Attempts, last ${stats.data.window}`, <span key="a" class="num">{count(totals.attempts)}</span>],
            ['Failed', <span key="f" class="num">{`${count(totals.failed)} (${Math.round(totals.failed_share * 100)} %)`}</span>],
            ['Dead letters', <span key="d" class="num">{count(totals.dead)}</span>],
            ['Last success', stats.data.last_success ? <Time key="s" at={stats.data.last_success} /> : 'none'],
            [
              'Last failure',
              stats.data.last_failure ? (
                <span key="l">
                  {stats.data.last_failure.http_status ? <HttpStatus code={stats.data.last_failure.http_status} /> : words(stats.data.last_failure.outcome)} <Time at={stats.data.last_failure.at} />
                </span>
              ) : (
                'none'
              ),
            ],
            ['Owner was warned', stats.data.warned ? <Time key="w" at={stats.data.warned} /> : null],
            ['Disabled when', stats.data.auto_disable ? `over ${Math.round(stats.data.auto_disable.over * 100)} % fail for ${stats.data.auto_disable.for_at_least}` : 'never by itself'],
          ]}
        />
      )}
    </Section>
  );
}

const filters: Filter[] = listFilters;
const names = filterNames(filters);
const columns = deliveryColumns(false);

function Deliveries({ id, tenant }: { id: string; tenant: string | null }) {
  const { params } = useQuery();
  // The endpoint's own list is found at once, but knows no other filter than the status; the tenant's is searched.
  const searched = names.some((name) => name !== 'status' && params.get(name));
  const list = useList<Delivery>(searched ? '/v1/deliveries' : path('subscriptions', id, 'deliveries'), {
    tenant,
    filters: searched ? names : ['status'],
    query: searched ? { subscription: id } : {},
    limit: 25,
  });
  return (
    <>
      <Filters filters={filters}>
        <Live on={list.live} error={list.error} />
      </Filters>
      <ListTable
        label="Deliveries to the endpoint"
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        href={(row) => links.delivery(row.id, tenant)}
        empty={
          <Empty title="No deliveries" icon="send">
            None fits the filters, or no event was for this endpoint yet.
          </Empty>
        }
      />
    </>
  );
}
