// Tabs of a tenant that are loaded when they are shown: keys, event types, history.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import { useResource } from '../api/resource';
import type { ChainHistory, EventTypePage, Key, KeyPage } from '../api/schema';
import { words } from '../base/format';
import { links } from '../base/links';
import { Id } from '../parts/copy';
import { Confirm } from '../parts/dialog';
import { Json } from '../parts/json';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { Time } from '../parts/time';
import { toast } from '../parts/toast';

export function Keys({ tenant }: { tenant: string }) {
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

export function Types({ tenant }: { tenant: string }) {
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
            <details class="fold">
              <summary>Schema</summary>
              <Json value={type.schema} label="schema" />
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

export function History({ tenant }: { tenant: string }) {
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
