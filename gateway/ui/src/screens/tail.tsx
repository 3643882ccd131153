// Live tail: what happens, as it happens.
import { useState } from 'preact/hooks';
import { useTail, type TailLine } from '../api/tail';
import type { LoggedAttempt } from '../api/schema';
import { duration, exact, plural } from '../base/format';
import { embedded } from '../base/embed';
import { links } from '../base/links';
import { type ScreenProps, useQuery } from '../base/router';
import { type Filter, filterNames, Filters } from '../parts/filters';
import { Icon } from '../parts/icon';
import { Page } from '../parts/page';
import { Empty, ErrorBox, Live } from '../parts/state';
import { HttpStatus, Status, TypeName } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { CLASSES } from './delivery-list';

const filters: Filter[] = [
  { name: 'types', label: 'Event types', placeholder: 'Types: invoice.*', kind: 'text' },
  { name: 'events', label: 'Everything', kind: 'choice', options: [{ value: 'accepted', label: 'Events' }, { value: 'attempted,dead', label: 'Attempts' }, { value: 'dead', label: 'Deaths' }] },
  { name: 'status_class', label: 'Response', kind: 'choice', options: CLASSES.map((value) => ({ value, label: value })) },
];
const names = filterNames(filters);
/** Lines that are kept; fewer in a frame that is as high as its content. */
const KEEP = embedded ? 50 : 500;

type Row = TailLine & { key: string; attempt: LoggedAttempt; missed: number | undefined };

export default function Tail({ params: place }: ScreenProps) {
  const tenant = place['tenant'] ?? null;
  const { params } = useQuery();
  const [on, setOn] = useState(true);
  const tail = useTail(Object.fromEntries(names.map((name) => [name, params.get(name)])), { tenant, keep: KEEP, on });
  const rows = tail.lines.map((line, index): Row => {
    const data = line.data as LoggedAttempt & { missed?: number };
    return { ...line, key: line.id || `${index} ${data.at}`, attempt: data, missed: line.event === 'lagged' ? data.missed : undefined };
  });
  const live = on && tail.state === 'live';
  return (
    <Page
      title="Live"
      crumbs={tenant ? [{ label: tenant, href: links.tenant(tenant) }] : undefined}
      about="Events and attempts as they happen."
      actions={
        <>
          <Live on={live} error={tail.state === 'waiting' ? tail.error : undefined} />
          <button type="button" class="button" onClick={() => setOn(!on)}>
            <Icon name={on ? 'pause' : 'play'} />
            {on ? 'Pause' : 'Resume'}
          </button>
        </>
      }
    >
      <Filters filters={filters} />
      {tail.error && tail.state !== 'live' && <ErrorBox error={tail.error} />}
      <Table
        label="Live"
        columns={columns}
        rows={rows}
        rowKey={(row) => row.key}
        loading={on && tail.state === 'connecting'}
        href={(row) => (row.attempt.delivery ? links.delivery(row.attempt.delivery, tenant) : row.attempt.event ? links.event(row.attempt.event, tenant) : links.events())}
        empty={
          <Empty title={on ? 'Waiting for something to happen' : 'Paused'} icon="tail">
            {on ? 'Lines appear here as soon as there are some.' : 'Nothing is read while it is paused.'}
          </Empty>
        }
      />
    </Page>
  );
}

const columns: Column<Row>[] = [
  { name: 'at', title: 'Time', cell: ({ attempt }) => <Clock at={attempt.at} /> },
  { name: 'what', title: 'What', cell: (row) => <Status value={row.event === 'attempted' ? row.attempt.outcome : row.event} /> },
  { name: 'type', title: 'Event', grow: true, cell: ({ attempt, missed }) => (missed === undefined ? attempt.type && <TypeName type={attempt.type} /> : `${plural(missed, 'line')} left out: too many at once`) },
  { name: 'answer', title: 'Response', cell: ({ attempt }) => attempt.response_status && <HttpStatus code={attempt.response_status} /> },
  { name: 'number', title: 'Attempt', number: true, hide: 'narrow', cell: ({ attempt }) => attempt.number },
  { name: 'took', title: 'Took', number: true, hide: 'narrow', cell: ({ attempt }) => attempt.took_ms !== undefined && duration(attempt.took_ms) },
];

function Clock({ at }: { at: string | undefined }) {
  const text = at ? exact(Date.parse(at)) : '';
  return (
    <span class="num muted" title={text}>
      {text.slice(11, 19)}
      <span class="hide-narrow">{text.slice(19, 23)}</span>
    </span>
  );
}
