// Catalogue of event types.
import type { EventType } from '../api/schema';
import { links } from '../base/links';
import { useQuery } from '../base/router';
import { type Filter, Filters } from '../parts/filters';
import { Page } from '../parts/page';
import { Empty } from '../parts/state';
import { Badge } from '../parts/status';
import { type Column, Table } from '../parts/table';
import { useCatalogue } from './catalogue-data';

const filters: Filter[] = [{ name: 'q', label: 'Type or description', kind: 'text', search: true }];

export default function Catalogue() {
  const { data, error, reload } = useCatalogue();
  const { params } = useQuery();
  const wanted = (params.get('q') ?? '').toLowerCase();
  const rows = (data ?? []).filter((one) => `${one.type ?? ''} ${one.entity ?? ''} ${one.description ?? ''}`.toLowerCase().includes(wanted));
  return (
    <Page title="Event types" about="What you can be told of, and what the data looks like.">
      {(data?.length ?? 0) > 8 && <Filters filters={filters} />}
      <Table
        label="Event types"
        columns={columns}
        rows={rows}
        rowKey={(row) => row.type ?? row.description ?? ''}
        href={(row) => links.eventType(row.type ?? '')}
        loading={!data && !error}
        error={error}
        retry={reload}
        empty={
          <Empty title={wanted ? 'No such type' : 'No event types'} icon="catalogue">
            {wanted ? 'None fits the search.' : 'The catalogue describes event types as soon as they are declared. Events of other types are delivered too.'}
          </Empty>
        }
      />
    </Page>
  );
}

const columns: Column<EventType>[] = [
  { name: 'type', title: 'Type', cell: (row) => <code class="strong">{row.type ?? row.entity ?? 'any'}</code> },
  { name: 'about', title: 'Sent when', grow: true, cell: (row) => <span class="muted">{row.description}</span> },
  { name: 'schema', title: 'Schema', hide: 'narrow', cell: (row) => (row.schema ? <Badge>{row.validate ? 'enforced' : 'described'}</Badge> : <span class="faint">–</span>) },
];
