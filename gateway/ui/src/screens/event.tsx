// One event: its data as it is stored, what the chain did to it, and its deliveries.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import type { Page as ListPage } from '../api/list';
import { useResource } from '../api/resource';
import type { Delivery, Event as StoredEvent, EventLine, Replayed } from '../api/schema';
import { bytes, count, plural, words } from '../base/format';
import { links } from '../base/links';
import type { ScreenProps } from '../base/router';
import { can } from '../base/session';
import { Copy, Id } from '../parts/copy';
import { Confirm } from '../parts/dialog';
import { SelectField } from '../parts/form';
import { Icon } from '../parts/icon';
import { Json } from '../parts/json';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Status } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { Due, ExactTime, Time } from '../parts/time';
import { toast } from '../parts/toast';
import { Answer } from './delivery-list';
import { address, useEndpoints } from './endpoints';
import { StepReports, StepsNote } from './steps';

export default function EventScreen({ params }: ScreenProps) {
  const { id = '', tenant = null } = params;
  const event = useResource<StoredEvent>(can('payloads') ? path('events', id) : null, { tenant, poll: (data) => (data.deliveries.some((one) => one.status === 'pending') ? 2000 : 15_000) });
  const found = useResource<ListPage<EventLine>>('/v1/events', { tenant, query: { order: 'newest', limit: 1, q: id } });
  const crumbs = [{ label: 'Events', href: links.events() }];
  if (tenant) crumbs.unshift({ label: tenant, href: links.tenant(tenant) });
  const data = event.data;
  const line = found.data?.data[0];
  if (!can('payloads')) {
    return (
      <Page title="Event" crumbs={crumbs}>
        <Empty title="Your session does not include payloads" icon="key">
          <a href={links.deliveries({ q: id })}>The deliveries of this event</a>
        </Empty>
      </Page>
    );
  }
  if (!data) {
    return (
      <Page title="Event" crumbs={crumbs}>
        {event.error ? <ErrorBox error={event.error} retry={event.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  return (
    <Page
      title={`${data.type} · event`}
      heading={
        <>
          {data.type} <Status value={data.status} />
        </>
      }
      about={data.reason && <>A plugin dropped it: {data.reason}</>}
      crumbs={crumbs}
      actions={can('retry') && data.status === 'published' && <Replay event={data} tenant={tenant} reload={event.reload} />}
    >
      {event.error && <ErrorBox error={event.error} retry={event.reload} />}
      <Section>
        <Facts
          items={[
            ['Event', <Id key="id" whole value={data.id} />],
            ['Happened', <ExactTime key="created" at={data.created} />],
            ['Accepted', line ? <ExactTime key="accepted" at={line.accepted} /> : null],
            ['Stored', line ? bytes(line.bytes) : null],
            ['Named endpoint', data.deliver_to],
          ]}
        />
      </Section>
      <Tabs
        label="Event"
        tabs={[
          { name: 'overview', label: 'Overview', body: () => <Overview event={data} line={line} tenant={tenant} /> },
          { name: 'data', label: 'Data', body: () => <Data event={data} /> },
          {
            name: 'chain',
            label: 'Chain',
            count: data.steps.length,
            body: () => (
              <>
                <StepReports steps={data.steps} data={data.data} empty="The tenant’s chain had no step: the event is stored as it came." />
                {data.steps.length > 0 && <StepsNote steps={data.steps} />}
              </>
            ),
          },
        ]}
      />
    </Page>
  );
}

/** What became of the event, from its acceptance to its deliveries. */
function Overview({ event, line, tenant }: { event: StoredEvent; line: EventLine | undefined; tenant: string | null }) {
  const { steps, deliveries } = event;
  const failed = steps.find((step) => step.result !== 'passed');
  const changed = steps.filter((step) => step.changed.length > 0);
  const ended = ['delivered', 'pending', 'dead', 'cancelled', 'shadowed'].flatMap((status) => {
    const some = deliveries.filter((one) => one.status === status).length;
    return some > 0 ? [`${count(some)} ${status}`] : [];
  });
  return (
    <>
      <ol class="rail">
        <li class="is-good">
          <div class="rail-title">Accepted</div>
          <p class="rail-detail">{line ? <ExactTime at={line.accepted} /> : 'and stored'}</p>
        </li>
        {steps.length > 0 && (
          <li class={failed ? 'is-warn' : 'is-good'}>
            <div class="rail-title">{changed.length > 0 ? `Changed by ${changed.map((step) => step.plugin).join(', ')}` : 'Changed nothing'}</div>
            <p class="rail-detail">
              The tenant’s chain had {plural(steps.length, 'step')}{failed && `; ${failed.plugin} ${words(failed.result)}`}. {changesLink}
            </p>
          </li>
        )}
        <li class={deliveries.some((one) => one.status === 'dead') ? 'is-bad' : deliveries.some((one) => one.status === 'pending') ? 'is-info' : 'is-good'}>
          <div class="rail-title">{plural(deliveries.length, 'delivery', 'deliveries')}</div>
          <p class="rail-detail">{ended.join(', ')}</p>
        </li>
      </ol>
      <Deliveries event={event} tenant={tenant} />
    </>
  );
}

const changesLink = <a href="?tab=chain">What the chain changed</a>;

function Deliveries({ event, tenant }: { event: StoredEvent; tenant: string | null }) {
  const endpoints = useEndpoints(tenant);
  const columns: Column<Delivery>[] = [
    {
      name: 'endpoint',
      title: 'Endpoint',
      grow: true,
      cell: (row) => <span class="strong">{row.subscription === 'inline' ? (event.deliver_to ?? 'named by the event') : address(endpoints.get(row.subscription)?.url ?? row.subscription)}</span>,
    },
    { name: 'status', title: 'Status', cell: (row) => <Status value={row.status} /> },
    { name: 'answer', title: 'Response', cell: (row) => <Answer row={row} /> },
    { name: 'attempts', title: 'Attempts', number: true, hide: 'narrow', cell: (row) => count(row.attempts) },
    { name: 'trigger', title: 'Made by', hide: 'narrow', cell: (row) => (row.trigger === 'published' ? 'event' : row.trigger) },
    { name: 'next', title: 'Next try', hide: 'narrow', cell: (row) => <Due at={row.next_attempt} /> },
    { name: 'at', title: 'First attempt', number: true, hide: 'narrow', cell: (row) => <Time at={row.first_attempt} /> },
  ];
  return (
    <Table
      label="Deliveries of the event"
      columns={columns}
      rows={event.deliveries}
      rowKey={(row) => row.id}
      href={(row) => links.delivery(row.id, tenant)}
      empty={
        <Empty title="No deliveries" icon="send">
          {event.status === 'filtered' ? 'A plugin dropped the event.' : 'No endpoint wanted this event when it was accepted.'}
        </Empty>
      }
    />
  );
}

function Data({ event }: { event: StoredEvent }) {
  const changed = event.steps.some((step) => step.changed.length > 0);
  return (
    <>
      <p class="muted remark">
        {changed ? <>As it is stored, after the tenant’s chain: what the chain removed is not stored anywhere. {changesLink}</> : 'As it is stored; the tenant’s chain changed nothing.'}
      </p>
      <Json value={event.data} label="data" />
      <Section title="Metadata">
        {event.metadata ? <Json value={event.metadata} label="metadata" /> : <p class="muted">The producer sent none, or it is not stored.</p>}
      </Section>
      <p>
        <Copy words label="Copy the event’s id" text={event.id} />
      </p>
    </>
  );
}

function Replay({ event, tenant, reload }: { event: StoredEvent; tenant: string | null; reload: () => void }) {
  const [open, setOpen] = useState(false);
  const [to, setTo] = useState('');
  const endpoints = useEndpoints(tenant);
  return (
    <>
      <button type="button" class="button is-primary" onClick={() => setOpen(true)}>
        <Icon name="retry" />
        Replay
      </button>
      {open && (
        <Confirm
          title="Replay this event?"
          action="Replay"
          onClose={() => setOpen(false)}
          run={async () => {
            const { deliveries } = await api<Replayed>('POST', path('events', event.id, 'replay'), { tenant, body: to ? { subscription: to } : {} });
            toast(deliveries.length === 1 ? 'A new delivery was made.' : `${count(deliveries.length)} new deliveries were made.`);
            reload();
          }}
        >
          <p>It is delivered again, as it is stored, with the same id: a receiver that removes duplicates ignores it.</p>
          <SelectField
            label="To"
            value={to}
            onChange={setTo}
            options={[{ value: '', label: 'every endpoint that wants it now' }, ...[...endpoints.values()].filter((one) => one.status === 'active').map((one) => ({ value: one.id, label: one.url }))]}
          />
        </Confirm>
      )}
    </>
  );
}
