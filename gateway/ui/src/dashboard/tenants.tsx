// All tenants, with what they sent in the last hour.
import { useState } from 'preact/hooks';
import { api } from '../api/client';
import { useList } from '../api/list';
import { useResource } from '../api/resource';
import type { CreatedTenant, SeriesPage, Tenant } from '../api/schema';
import { count, total } from '../base/format';
import { links } from '../base/links';
import { navigate } from '../base/router';
import { Copy } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import { FormError, TextField, useSubmit } from '../parts/form';
import { Page } from '../parts/page';
import { Sparkline } from '../parts/sparkline';
import { Empty } from '../parts/state';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';

/** Rows of a page: each reads its own series. */
const ROWS = 20;

const columns: Column<Tenant>[] = [
  { name: 'id', title: 'Tenant', grow: true, cell: (row) => <span class="strong">{row.id}</span> },
  { name: 'profile', title: 'Profile', hide: 'narrow', cell: (row) => row.profile },
  { name: 'endpoints', title: 'Endpoints', number: true, cell: (row) => count(row.subscriptions) },
  { name: 'activity', title: 'Attempts, last hour', number: true, cell: (row) => <Activity tenant={row.id} /> },
  { name: 'created', title: 'Created', number: true, hide: 'narrow', cell: (row) => <Time at={row.created} /> },
];

export default function Tenants() {
  const list = useList<Tenant>('/v1/tenants', { limit: ROWS, poll: 15_000 });
  const [open, setOpen] = useState(false);
  return (
    <Page
      title="Tenants"
      about="Whose events pass here: each has its own keys, endpoints, chain and quotas."
      actions={
        <button type="button" class="button is-primary" onClick={() => setOpen(true)}>
          New tenant
        </button>
      }
    >
      <ListTable
        label="Tenants"
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        href={(row) => links.tenant(row.id)}
        empty={
          <Empty title="No tenants" icon="tenant">
            Make one here, over the API, or declare it in the configuration.
          </Empty>
        }
      />
      {open && <NewTenant onClose={() => setOpen(false)} />}
    </Page>
  );
}

function Activity({ tenant }: { tenant: string }) {
  const series = useResource<SeriesPage>('/v1/metrics/series', { tenant, query: { measure: 'attempts', step: '1m' }, poll: 30_000 });
  const values = series.data?.series[0]?.values['attempts'];
  if (!values) return <span class="faint">–</span>;
  return (
    <span class="with-spark">
      <Sparkline values={values} label={`Attempts of ${tenant} by minute`} />
      {count(total(values))}
    </span>
  );
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState('');
  const [profile, setProfile] = useState('');
  const [made, setMade] = useState<CreatedTenant>();
  const { busy, error, submit } = useSubmit(async () => setMade(await api<CreatedTenant>('POST', '/v1/tenants', { body: { id, ...(profile ? { profile } : {}) } })));
  if (made) {
    const close = () => (onClose(), navigate(links.tenant(made.id)));
    return (
      <Dialog
        title={`${made.id} is made`}
        onClose={close}
        actions={
          <button type="button" class="button is-primary" onClick={close}>
            Done
          </button>
        }
      >
        <p>Its first API key, with every scope. It is not shown again.</p>
        <div class="snippet">
          <pre class="code">{made.key}</pre>
          <Copy text={made.key} label="Copy the key" />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      title="New tenant"
      onClose={onClose}
      actions={
        <button type="button" class="button is-primary" disabled={busy || !id} onClick={() => submit()}>
          Create
        </button>
      }
    >
      <form class="form" onSubmit={submit}>
        <TextField label="Name" hint="1 to 63 of a-z, 0-9 and -" pointer="/id" error={error} value={id} onInput={setId} code autofocus required />
        <TextField label="Profile" hint="Left out: standard" pointer="/profile" error={error} value={profile} onInput={setProfile} code placeholder="standard" />
        <button type="submit" class="sr-only" tabIndex={-1}>
          Create
        </button>
      </form>
      <FormError error={error} pointers={['/id', '/profile']} />
    </Dialog>
  );
}
