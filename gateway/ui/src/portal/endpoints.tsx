// Endpoints: state, traffic of the last 24 hours from one request for all, and what the last attempt came to.
import { useList } from '../api/list';
import { useResource } from '../api/resource';
import type { LoggedAttempt, LoggedAttemptList, SeriesPage, Subscription } from '../api/schema';
import { count, plural } from '../base/format';
import { links } from '../base/links';
import { can, reaches } from '../base/session';
import { Icon } from '../parts/icon';
import { Page } from '../parts/page';
import { Sparkline } from '../parts/sparkline';
import { Empty, Live } from '../parts/state';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { Answer, EndpointState, EndpointUrl, since24h } from '../screens/endpoint-parts';

/** Newest attempts that are looked through for the last one of each endpoint. */
const RECENT = 200;

type Traffic = { attempts: (number | null)[]; total: number; failed: number };
type Row = Subscription & { traffic: Traffic | undefined; last: LoggedAttempt | undefined };

export default function Endpoints() {
  const list = useList<Subscription>('/v1/subscriptions', { poll: 5000 });
  const ids = list.rows.map((row) => row.id).join(',');
  const series = useResource<SeriesPage>(ids ? '/v1/metrics/series' : null, {
    query: { measure: 'attempts,failed', by: 'subscription', step: '1h', since: since24h(), subscription: ids },
    poll: 30_000,
  });
  const recent = useResource<LoggedAttemptList>(ids ? '/v1/attempts' : null, { query: { limit: RECENT }, poll: 5000 });
  const rows = list.rows.map((row): Row => ({ ...row, traffic: trafficOf(series.data, row.id), last: recent.data?.data.find((one) => one.subscription === row.id) }));
  return (
    <Page
      title="Endpoints"
      about="Where your events are sent."
      actions={
        <>
          <Live on={list.live} error={list.error} />
          {mayAdd() && list.rows.length > 0 && <NewEndpoint />}
        </>
      }
    >
      <ListTable
        label="Endpoints"
        list={{ ...list, rows }}
        columns={columns}
        rowKey={(row) => row.id}
        href={(row) => links.endpoint(row.id)}
        empty={
          <Empty title="No endpoints yet" icon="endpoint">
            <p>An endpoint is a URL of yours that receives events as they happen.</p>
            {mayAdd() && <NewEndpoint />}
          </Empty>
        }
      />
    </Page>
  );
}

const mayAdd = () => can('endpoints.write') && reaches('consumers');

const NewEndpoint = () => (
  <a class="button is-primary" href={links.newEndpoint()}>
    <Icon name="plus" />
    New endpoint
  </a>
);

function trafficOf(page: SeriesPage | undefined, id: string): Traffic | undefined {
  if (!page) return undefined;
  const values = page.series.find((one) => one.key === id)?.values;
  const sum = (name: string) => (values?.[name] ?? []).reduce<number>((all, value) => all + (value ?? 0), 0);
  return { attempts: values?.['attempts'] ?? page.times.map(() => 0), total: sum('attempts'), failed: sum('failed') };
}

const columns: Column<Row>[] = [
  {
    name: 'url',
    title: 'Endpoint',
    grow: true,
    cell: (row) => (
      <>
        <EndpointUrl url={row.url} />
        {row.description && <span class="faint"> · {row.description}</span>}
      </>
    ),
  },
  { name: 'state', title: 'State', cell: (row) => <EndpointState endpoint={row} brief /> },
  { name: 'types', title: 'Events', hide: 'medium', cell: (row) => <Types of={row.events} /> },
  {
    name: 'traffic',
    title: 'Last 24 hours',
    hide: 'narrow',
    cell: ({ traffic }) => traffic && <Sparkline values={traffic.attempts} tone={traffic.failed > traffic.total / 2 ? 'bad' : 'plain'} label={`${plural(traffic.total, 'attempt')} in 24 hours`} />,
  },
  { name: 'attempts', title: 'Attempts', number: true, hide: 'narrow', cell: ({ traffic }) => traffic && count(traffic.total) },
  { name: 'failed', title: 'Failed', number: true, hide: 'medium', cell: ({ traffic }) => traffic && <Share of={traffic} /> },
  {
    name: 'last',
    title: 'Last attempt',
    number: true,
    cell: ({ last, traffic }) =>
      last ? (
        <span class="last">
          <Answer status={last.response_status} outcome={last.outcome} />
          <span class="muted hide-narrow">
            {' '}
            <Time at={last.at} />
          </span>
        </span>
      ) : (
        <span class="faint">{traffic && traffic.total > 0 ? 'earlier' : '–'}</span>
      ),
  },
];

function Types({ of }: { of: string[] }) {
  if (of.includes('*')) return <span class="muted">all</span>;
  return (
    <span title={of.join(', ')}>
      <code>{of[0]}</code>
      {of.length > 1 && <span class="faint"> and {of.length - 1} more</span>}
    </span>
  );
}

function Share({ of: { total, failed } }: { of: Traffic }) {
  if (total === 0 || failed === 0) return <span class="faint">{total === 0 ? '–' : '0 %'}</span>;
  const percent = (failed / total) * 100;
  return <span class={percent > 50 ? 'http is-bad' : ''}>{percent < 0.1 ? '<0.1' : percent.toFixed(percent < 10 ? 1 : 0)} %</span>;
}
