// The gateway itself: the process that answers, the store, sealing keys and backups.
import { api } from '../api/client';
import { useResource } from '../api/resource';
import type { Backups, SealingKeys } from '../api/schema';
import { bytes, count, duration } from '../base/format';
import { Icon } from '../parts/icon';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { Table } from '../parts/table';
import { Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { useMetrics } from './metrics';
import { Readiness } from './readiness';

export default function GatewayScreen() {
  return (
    <Page title="Gateway" about="The process that answers these pages. Others that share its store have figures of their own.">
      <Readiness />
      <Process />
      <BackupList />
      <Keys />
      <p class="hint">
        The API does not serve the configuration. <code>hookgate config print</code> shows what holds, and where each value comes from.
      </p>
    </Page>
  );
}

function Process() {
  const { found, error } = useMetrics(5000);
  if (!found) return error ? <ErrorBox error={error} /> : <Skeleton />;
  const value = (name: string, show: (amount: number) => string): string | null => {
    const amount = found.get(name);
    return amount === undefined ? null : show(amount);
  };
  const version = [...found.keys()].find((name) => name.startsWith('hookgate_build_info'))?.match(/version="([^"]*)"/)?.[1];
  const result = (name: string): string | null => value(`hookgate_events_total{result="${name}"}`, count);
  return (
    <Section title="Process">
      <Facts
        items={[
          ['Version', version],
          ['Running for', value('process_start_time_seconds', (at) => duration(Math.max(0, Date.now() - at * 1000)))],
          ['Memory', value('process_resident_memory_bytes', bytes)],
          ['CPU time', value('process_cpu_seconds_total', (seconds) => duration(seconds * 1000))],
          ['Connections', value('hookgate_connections', count)],
          ['Open files', value('process_open_fds', (open) => `${count(open)} of ${count(found.get('process_max_fds') ?? 0)}`)],
          ['Attempts in flight', value('hookgate_attempts_in_flight', count)],
          ['Ready queue', value('hookgate_ready_queue_length', count)],
          ['Store', value('hookgate_store_available', (up) => (up === 1 ? (found.get('hookgate_store_accepting') === 0 ? 'does not accept events' : 'available') : 'not available'))],
          ['Events stored', result('stored')],
          ['Duplicates', result('duplicate')],
          ['Refused: over quota', result('over_quota')],
          ['Refused by a plugin', result('rejected')],
          ['Dropped by a plugin', result('filtered')],
          ['Damaged records', value('hookgate_store_damaged_records_total', count)],
          ['Tenants', value('hookgate_tenants', count)],
        ]}
      />
    </Section>
  );
}

function BackupList() {
  const backups = useResource<Backups>('/v1/backup', { poll: (data) => (data.running ? 1000 : 10_000) });
  const begin = async () => {
    try {
      await api('POST', '/v1/backup');
      toast('A backup is being made.');
      backups.reload();
    } catch (failure) {
      toastError(failure);
    }
  };
  const { data, error } = backups;
  return (
    <Section
      title="Backups"
      actions={
        data && (
          <button type="button" class="button" disabled={data.running !== null && data.running !== undefined} onClick={() => void begin()}>
            <Icon name="job" />
            Make a backup
          </button>
        )
      }
    >
      {error && <ErrorBox error={error} />}
      {data?.running && (
        <p class="remark">
          <Badge tone="info">running</Badge> {data.running.name}, {bytes(data.running.copied)} so far, begun <Time at={data.running.began} />
        </p>
      )}
      {data?.last?.error && (
        <p class="remark">
          <Badge tone="bad">failed</Badge> {data.last.name}: {data.last.error}
        </p>
      )}
      {data && (
        <Table
          label="Backups"
          rows={data.data}
          rowKey={(row) => row.name}
          columns={[
            { name: 'name', title: 'File', grow: true, cell: (row) => <code>{row.name}</code> },
            { name: 'bytes', title: 'Size', number: true, cell: (row) => bytes(row.bytes) },
          ]}
          empty={
            <Empty title="No backups" icon="job">
              They would be in {data.directory} on the gateway’s machine.
            </Empty>
          }
        />
      )}
    </Section>
  );
}

function Keys() {
  const keys = useResource<SealingKeys>('/v1/sealing-keys', { poll: 30_000 });
  return (
    <Section title="Sealing keys">
      {keys.error && !keys.data ? (
        <ErrorBox error={keys.error} retry={keys.reload} />
      ) : (
        <Table
          label="Sealing keys"
          loading={keys.loading}
          rows={keys.data?.data ?? []}
          rowKey={(row) => row.id}
          columns={[
            { name: 'id', title: 'Key', grow: true, cell: (row) => <code>{row.id}</code> },
            { name: 'seals', title: 'Use', cell: (row) => (row.seals ? <Badge tone="good">seals</Badge> : row.at_hand ? <Badge>opens</Badge> : <Badge tone="bad">missing here</Badge>) },
            { name: 'sealed', title: 'Secrets', number: true, cell: (row) => count(row.sealed) },
          ]}
          empty={<Empty title="No sealing keys" icon="key">Secrets are not sealed in the store.</Empty>}
        />
      )}
    </Section>
  );
}
