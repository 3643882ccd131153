// Attempts of all tenants, newest first.
import { useList } from '../api/list';
import type { TenantOfLoggedAttempt } from '../api/schema';
import { Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { ListTable } from '../parts/table';
import { attemptColumns, attemptHref, attemptKey } from '../screens/attempt-list';
import { useAddresses } from '../screens/endpoints';
import { useListFilters } from '../screens/list-filters';

export default function Attempts() {
  const { filters, names } = useListFilters();
  const list = useList<TenantOfLoggedAttempt>('/v1/operator/attempts', { filters: names });
  const columns = attemptColumns(true, useAddresses(list.rows));
  return (
    <Page title="Attempts" about="Every request to an endpoint and what it came to, over all tenants." actions={<Live on={list.live} error={list.error} />}>
      <Filters filters={filters} />
      <ListTable
        label="Attempts"
        list={list}
        columns={columns}
        rowKey={attemptKey}
        href={attemptHref()}
        empty={
          <Empty title="No attempts" icon="send">
            None fits the filters, or nothing has been sent yet.
          </Empty>
        }
      />
    </Page>
  );
}
