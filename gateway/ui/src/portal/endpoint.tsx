// One endpoint: how it fares, its latest deliveries, settings, signing, test, and what it missed.
import { useState } from 'preact/hooks';
import { path } from '../api/client';
import { useList } from '../api/list';
import { useResource } from '../api/resource';
import type { Delivery, Missed, SeriesPage, Subscription, SubscriptionStats } from '../api/schema';
import { count, plural } from '../base/format';
import { links } from '../base/links';
import { type ScreenProps, useQuery } from '../base/router';
import { can } from '../base/session';
import { Chart } from '../parts/chart';
import { Id } from '../parts/copy';
import { Filters, filterNames } from '../parts/filters';
import { Icon } from '../parts/icon';
import { lazy } from '../parts/lazy';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { ListTable } from '../parts/table';
import { type Tab, Tabs } from '../parts/tabs';
import { Time } from '../parts/time';
import { deliveryColumns, deliveryHref, listFilters } from '../screens/delivery-list';
import { Answer, EndpointState, EndpointUrl, hostOf } from '../screens/endpoint-parts';
import { Ask } from './endpoint-ask';
import { Settings } from './endpoint-settings';
import { Recover } from './recover';

const Signing = lazy(() => import('../screens/shared').then((part) => part.Signing));
const Test = lazy(() => import('./catalogue-screens').then((part) => part.Test));

type Asked = 'disable' | 'activate' | 'recover';

export default function Endpoint({ params }: ScreenProps) {
  const { id = '' } = params;
  const endpoint = useResource<Subscription>(path('subscriptions', id), { poll: 5000 });
  const [asked, ask] = useState<Asked>();
  const [missed, setMissed] = useState<Missed>();
  const crumbs = [{ label: 'Endpoints', href: links.endpoints() }];
  const data = endpoint.data;
  if (!data) {
    return (
      <Page title="Endpoint" crumbs={crumbs}>
        {endpoint.error ? <ErrorBox error={endpoint.error} retry={endpoint.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  const tabs: Tab[] = [
    { name: 'overview', label: 'Overview', body: () => <Overview id={id} /> },
    { name: 'deliveries', label: 'Deliveries', body: () => <Deliveries id={id} /> },
    { name: 'settings', label: 'Settings', body: () => <Settings endpoint={data} /> },
    { name: 'signing', label: 'Signing', body: () => <Signing id={id} /> },
  ];
  if (can('test')) tabs.push({ name: 'test', label: 'Test', body: () => <Test endpoint={data} /> });
  return (
    <Page
      title={`${hostOf(data.url)} · endpoint`}
      heading={<EndpointUrl url={data.url} />}
      about={
        <span class="about-row">
          <EndpointState endpoint={data} />
          {data.description}
        </span>
      }
      crumbs={crumbs}
      actions={<Actions endpoint={data} ask={ask} />}
    >
      {endpoint.error && <ErrorBox error={endpoint.error} retry={endpoint.reload} />}
      {missed && <MissedNote missed={missed} recover={() => ask('recover')} dismiss={() => setMissed(undefined)} />}
      <Tabs label="Endpoint" tabs={tabs} />
      {asked === 'recover' && <Recover endpoint={data} since={missed?.since} onClose={() => ask(undefined)} />}
      {asked && asked !== 'recover' && <Ask what={asked} endpoint={data} done={setMissed} reload={endpoint.reload} onClose={() => ask(undefined)} />}
    </Page>
  );
}

function Actions({ endpoint, ask }: { endpoint: Subscription; ask: (what: Asked) => void }) {
  const button = (what: Asked, label: string, icon: string, primary = false) => (
    <button type="button" class={primary ? 'button is-primary' : 'button'} onClick={() => ask(what)}>
      <Icon name={icon} />
      {label}
    </button>
  );
  const active = endpoint.status === 'active';
  return (
    <>
      {can('retry') && active && button('recover', 'Recover', 'history')}
      {can('endpoints.write') && (
        <>
          <a class="button" href={links.editEndpoint(endpoint.id)}>
            <Icon name="edit" />
            Edit
          </a>
          {active ? button('disable', 'Disable', 'pause') : button('activate', 'Activate', 'play', true)}
        </>
      )}
    </>
  );
}

function MissedNote({ missed, recover, dismiss }: { missed: Missed; recover: () => void; dismiss: () => void }) {
  const events = missed.events === null || missed.events === undefined ? 'Events' : missed.events === 1 && !missed.more ? '1 event' : `${count(missed.events)}${missed.more ? ' or more' : ''} events`;
  if (missed.events === 0 && !missed.more) return null;
  return (
    <div class="note" role="status">
      <Icon name="history" />
      <p>
        {events} passed by since it was disabled, <Time at={missed.since} />.
      </p>
      {can('retry') && (
        <button type="button" class="button" onClick={recover}>
          Recover
        </button>
      )}
      <button type="button" class="copy" aria-label="Dismiss" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </div>
  );
}

const RANGES: Record<string, { label: string; step: '1m' | '1h'; ms: number }> = {
  '1h': { label: '1 hour', step: '1m', ms: 3_600_000 },
  '24h': { label: '24 hours', step: '1h', ms: 86_400_000 },
  '7d': { label: '7 days', step: '1h', ms: 604_800_000 },
  '30d': { label: '30 days', step: '1h', ms: 2_592_000_000 },
};

function Overview({ id }: { id: string }) {
  const { params, set } = useQuery();
  const name = params.get('range') ?? '24h';
  const range = RANGES[name] ?? RANGES['24h'];
  const length = range?.step === '1m' ? 60_000 : 3_600_000;
  const since = new Date(Math.floor(Date.now() / length) * length - (range?.ms ?? 0) + length).toISOString();
  const series = useResource<SeriesPage>('/v1/metrics/series', { query: { subscription: id, measure: 'delivered,failed,p95', step: range?.step, since }, poll: 10_000 });
  const stats = useResource<SubscriptionStats>(path('subscriptions', id, 'stats'), { poll: 5000 });
  const list = useList<Delivery>(path('subscriptions', id, 'deliveries'), { limit: 5 });
  const values = series.data?.series[0]?.values;
  const { totals, last_success, last_failure, auto_disable, window } = stats.data ?? {};
  return (
    <>
      <Section>
        {stats.error && !stats.data ? (
          <ErrorBox error={stats.error} retry={stats.reload} />
        ) : (
          <dl class="tiles stats">
            <Tile label={`Attempts in ${window ?? '…'}`} value={totals && count(totals.attempts)} />
            <Tile label="Failed" value={totals && `${(totals.failed_share * 100).toFixed(totals.failed_share > 0 && totals.failed_share < 0.1 ? 1 : 0)} %`} note={totals && plural(totals.failed, 'attempt')} />
            <Tile label="Given up" value={totals && count(totals.dead)} note={totals && 'deliveries'} />
            <Tile label="Response time" value={totals && (totals.p50 ?? '–')} note={totals?.p95 ? `95 % within ${totals.p95}` : undefined} />
          </dl>
        )}
        <Facts
          items={[
            ['Last success', stats.data && (last_success ? <Time at={last_success} /> : 'none yet')],
            [
              'Last failure',
              stats.data &&
                (last_failure ? (
                  <span>
                    <Answer status={last_failure.http_status} outcome={last_failure.outcome} />{' '}
                    <span class="muted">
                      <Time at={last_failure.at} />
                    </span>
                  </span>
                ) : (
                  'none'
                )),
            ],
            ['Endpoint', <Id key="id" whole value={id} />],
            ['Disabled by itself', auto_disable ? `when over ${Math.round(auto_disable.over * 100)} % fail for ${auto_disable.for_at_least}` : stats.data && 'never'],
          ]}
        />
      </Section>
      <Section
        title="Traffic"
        actions={
          <div class="segments" role="group" aria-label="Span of time">
            {Object.entries(RANGES).map(([value, { label }]) => (
              <button key={value} type="button" aria-pressed={value === name} onClick={() => set({ range: value === '24h' ? null : value }, { replace: true })}>
                {label}
              </button>
            ))}
          </div>
        }
      >
        <div class="card">
          {series.error && !series.data ? (
            <ErrorBox error={series.error} retry={series.reload} />
          ) : (
            <Chart
              label="Attempts"
              times={series.data?.times ?? []}
              series={[
                { label: 'Delivered', values: values?.['delivered'] ?? [], tone: 'good' },
                { label: 'Failed', values: values?.['failed'] ?? [], tone: 'bad' },
              ]}
              format={count}
            />
          )}
        </div>
      </Section>
      <Section title="Latest deliveries" actions={<a href="?tab=deliveries">All deliveries</a>}>
        <ListTable
          label="Latest deliveries"
          list={{ ...list, older: undefined, newer: undefined, first: undefined }}
          columns={deliveryColumns(false)}
          rowKey={(row) => row.id}
          href={deliveryHref}
          empty={<Empty title="Nothing was sent yet" icon="send" />}
        />
      </Section>
    </>
  );
}

function Tile({ label, value, note }: { label: string; value: string | undefined; note?: string | undefined }) {
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>
        {value ?? <span class="bone bone-2" />}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

const names = filterNames(listFilters);

function Deliveries({ id }: { id: string }) {
  const list = useList<Delivery>(path('subscriptions', id, 'deliveries'), { filters: names });
  return (
    <>
      <Filters filters={listFilters} />
      <ListTable
        label="Deliveries"
        list={list}
        columns={deliveryColumns(false)}
        rowKey={(row) => row.id}
        href={deliveryHref}
        empty={
          <Empty title="No deliveries" icon="send">
            None fits the filters, or nothing has been sent yet.
          </Empty>
        }
      />
    </>
  );
}
