// How the gateway stands: what comes in and goes out, what fails, what warns.
import { useResource } from '../api/resource';
import type { TenantOfLoggedAttempt } from '../api/schema';
import type { Page as ListPage } from '../api/list';
import { count, plural, total } from '../base/format';
import { links } from '../base/links';
import { url } from '../base/router';
import { Chart } from '../parts/chart';
import { Page, Section } from '../parts/page';
import { Sparkline } from '../parts/sparkline';
import { Empty, ErrorBox, Live, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { attemptColumns, attemptHref, attemptKey } from '../screens/attempt-list';
import { useAddresses } from '../screens/endpoints';
import { EndpointState, EndpointUrl } from '../screens/endpoint-parts';
import { type EndpointHealth, MOST_TENANTS, type Overview, useOverview } from './overview-data';
import { Readiness } from './readiness';

export default function OverviewScreen() {
  const { data, error } = useOverview();
  const recent = useResource<ListPage<TenantOfLoggedAttempt>>('/v1/operator/attempts', { query: { limit: 10 }, poll: 2000 });
  const recentColumns = attemptColumns(true, useAddresses(recent.data?.data ?? []));
  return (
    <Page title="Overview" actions={<Live on error={error ?? recent.error} />}>
      <Readiness />
      {error && !recent.error && <ErrorBox error={error} />}
      {data ? <Figures data={data} /> : !error && <Skeleton lines={6} />}
      <Section title="Recent attempts" actions={<a href={url('/attempts')}>All attempts</a>}>
        <Table label="Recent attempts" columns={recentColumns} rows={recent.data?.data ?? []} rowKey={attemptKey} href={attemptHref()} loading={recent.loading} error={recent.error} retry={recent.reload} empty={<Empty title="Nothing has been sent yet" icon="send" />} />
      </Section>
    </Page>
  );
}

function Figures({ data }: { data: Overview }) {
  const [accepted, delivered, failed, dead] = [total(data.accepted), total(data.delivered), total(data.failed), total(data.dead)];
  const attempts = delivered + failed;
  const known = data.accepted.some((value) => value !== null);
  // Whole minutes only: one that has just begun looks like a fall.
  const ended = (values: (number | null)[]) => values.slice(0, -1);
  const ofAttempts = (share: number, text: string) => (!known ? NOTHING : attempts > 0 ? `${percent(share / attempts)} of ${text}` : 'no attempts');
  const failing = data.endpoints
    .filter(({ endpoint, attempts: tries, failed: bad }) => endpoint.pause || (endpoint.disabled && endpoint.disabled.reason !== 'asked') || (tries > 0 && bad / tries >= 0.2))
    .sort((a, b) => b.failed - a.failed);
  return (
    <>
      <dl class="tiles figures">
        <Tile label="Events in, last hour" value={known ? count(accepted) : '–'} more={!known ? NOTHING : data.rate === undefined ? 'no whole minute yet' : `${rate(data.rate)} a minute`} values={ended(data.accepted)} />
        <Tile label="Delivered, last hour" value={known ? count(delivered) : '–'} more={ofAttempts(delivered, plural(attempts, 'attempt'))} values={ended(data.delivered)} tone="good" />
        <Tile label="Failed attempts, last hour" value={known ? count(failed) : '–'} more={ofAttempts(failed, 'the attempts')} values={ended(data.failed)} tone="bad" href={url('/attempts')} />
        <Tile label="Dead letters, last hour" value={known ? count(dead) : '–'} more={known ? 'given up' : NOTHING} values={ended(data.dead)} tone="bad" href={url('/dead-letters')} />
        <Tile label="Pending now" value={data.pending === undefined ? '–' : count(data.pending)} more={data.pending === undefined ? NOTHING : data.pending === 1 ? 'delivery that has not ended' : 'deliveries that have not ended'} href={links.deliveries({ status: 'pending' })} />
        <Tile label="Failing endpoints" value={count(failing.length)} more={`of ${count(data.endpoints.length)}${data.more ? `, of the first ${MOST_TENANTS} tenants` : ''}`} />
      </dl>
      <Section title="In and out, by minute">
        <div class="card">
          <Chart
            label="Events accepted, attempts delivered and failed, by minute"
            times={data.times}
            series={[
              { label: 'accepted', values: ended(data.accepted), tone: 'accent' },
              { label: 'delivered', values: ended(data.delivered), tone: 'good' },
              { label: 'failed', values: ended(data.failed), tone: 'bad' },
            ]}
          />
        </div>
      </Section>
      {failing.length > 0 && (
        <Section title="Failing endpoints">
          <Table label="Failing endpoints" columns={failingColumns} rows={failing.slice(0, 8)} rowKey={(row) => row.endpoint.id} href={(row) => links.endpoint(row.endpoint.id, row.tenant)} />
        </Section>
      )}
    </>
  );
}

const failingColumns: Column<EndpointHealth>[] = [
  { name: 'url', title: 'Endpoint', grow: true, cell: (row) => <EndpointUrl url={row.endpoint.url} /> },
  { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (row) => row.tenant },
  { name: 'state', title: 'State', cell: (row) => <EndpointState endpoint={row.endpoint} brief /> },
  { name: 'failed', title: 'Failed, last hour', number: true, cell: (row) => (row.attempts > 0 ? <Badge tone={row.failed / row.attempts > 0.5 ? 'bad' : 'warn'} title={`${row.failed} of ${plural(row.attempts, 'attempt')}`}>{percent(row.failed / row.attempts)}</Badge> : '–') },
  { name: 'spark', title: 'Failures by minute', quiet: true, hide: 'narrow', cell: (row) => <Sparkline values={row.values} label={`Failures by minute, ${row.failed} in an hour`} tone="bad" /> },
];

function Tile({ label, value, more, values, tone = 'plain', href }: { label: string; value: string; more: string; values?: (number | null)[]; tone?: 'plain' | 'good' | 'bad'; href?: string }) {
  return (
    <div class={href ? 'tile is-link' : 'tile'}>
      <dt>{href ? <a href={href}>{label}</a> : label}</dt>
      <dd>{value}</dd>
      <dd class="tile-more">{more}</dd>
      {values && (
        <dd class="tile-spark">
          <Sparkline values={values} label={`${label}, by minute`} tone={tone} />
        </dd>
      )}
    </div>
  );
}

const percent = (share: number): string => `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;
const rate = (minute: number): string => (minute < 10 ? minute.toFixed(1) : count(Math.round(minute)));
const NOTHING = 'no data yet';
