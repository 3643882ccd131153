// Live tail of a tenant that is chosen: the gateway has none over all tenants.
import { useResource } from '../api/resource';
import type { TenantPage } from '../api/schema';
import { links } from '../base/links';
import { Page } from '../parts/page';
import { Empty } from '../parts/state';
import { Table } from '../parts/table';

export default function Live() {
  const tenants = useResource<TenantPage>('/v1/tenants', { query: { limit: 500 } });
  return (
    <Page title="Live" about="Events and attempts as they happen, of one tenant. The latest attempts of all tenants are on the overview.">
      <Table
        label="Tenants"
        loading={tenants.loading}
        error={tenants.error}
        retry={tenants.reload}
        rows={tenants.data?.data ?? []}
        rowKey={(row) => row.id}
        href={(row) => `${links.tenant(row.id)}/live`}
        columns={[
          { name: 'id', title: 'Tenant', grow: true, cell: (row) => <span class="strong">{row.id}</span> },
          { name: 'endpoints', title: 'Endpoints', number: true, cell: (row) => row.subscriptions },
        ]}
        empty={<Empty title="No tenants" icon="tenant" />}
      />
    </Page>
  );
}
