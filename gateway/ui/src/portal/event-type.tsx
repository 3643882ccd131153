// One event type: when it is sent, its fields, an example, its schema, and what is removed before it is sent.
import { isRecord, path } from '../api/client';
import { useResource } from '../api/resource';
import type { EventType, RemovedFields } from '../api/schema';
import { links } from '../base/links';
import { url, type ScreenProps } from '../base/router';
import { Json } from '../parts/json';
import { Page, Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { exampleOf, hasExample } from './catalogue-data';

type FieldRow = { pointer: string; type: string; required: boolean; description: string; depth: number };

/** Depth and number of the fields that are listed. */
const DEEPEST = 6;
const MOST_FIELDS = 500;

export default function EventTypeScreen({ params }: ScreenProps) {
  const { type = '' } = params;
  const { data, error, reload } = useResource<EventType>(path('event-types', type));
  const crumbs = [{ label: 'Event types', href: url('/catalogue') }];
  if (!data) {
    return (
      <Page title={type} crumbs={crumbs}>
        {error ? <ErrorBox error={error} retry={reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  const { schema } = data;
  const fields = isRecord(schema) ? fieldsOf(schema) : [];
  return (
    <Page title={type} crumbs={crumbs} about={data.description} actions={<a class="button" href={`${links.events()}?types=${encodeURIComponent(type)}`}>Its events</a>}>
      {data.removed && <Removed fields={data.removed} />}
      {schema ? (
        <Tabs
          label="Event type"
          tabs={[
            {
              name: 'example',
              label: 'Example',
              body: () => (
                <>
                  <Json value={exampleOf(schema)} label="example" />
                  {!hasExample(schema) && <p class="hint">Made up from the schema: the values are placeholders.</p>}
                </>
              ),
            },
            { name: 'fields', label: 'Fields', count: fields.length, body: () => <Fields rows={fields} /> },
            { name: 'schema', label: 'Schema', body: () => <Json value={schema} label="schema" /> },
          ]}
        />
      ) : (
        <Empty title="No schema is declared" icon="catalogue">
          What the data looks like is not described.
        </Empty>
      )}
      {schema && <p class="hint">{data.validate ? 'Data that does not fit the schema is refused when it is published.' : 'The schema describes the data; it is not enforced.'}</p>}
    </Page>
  );
}

function Fields({ rows }: { rows: FieldRow[] }) {
  return (
    <Table
      label="Fields"
      rows={rows}
      rowKey={(row) => row.pointer}
      columns={[
        { name: 'name', title: 'Field', cell: (row) => <code>{row.pointer}</code> },
        { name: 'type', title: 'Type', cell: (row) => <span class="muted">{row.type}</span> },
        { name: 'required', title: 'Required', hide: 'narrow', cell: (row) => (row.required ? <Badge>always there</Badge> : <span class="faint">–</span>) },
        { name: 'about', title: 'Meaning', grow: true, cell: (row) => row.description },
      ]}
      empty={<Empty title="The schema names no fields" />}
    />
  );
}

function Removed({ fields }: { fields: RemovedFields }) {
  const places = fields.fields.filter((one) => one.class !== 'public');
  return (
    <Section title="Removed before it is sent">
      <div class="card">
        {fields.all_but_public && <p>Everything but the fields that the schema marks as public.</p>}
        {places.length > 0 && (
          <p class="patterns">
            {places.map((one) => (
              <code key={one.pointer} title={one.class}>
                {one.pointer}
              </code>
            ))}
          </p>
        )}
        {fields.names.length > 0 && <p class="muted">Names of these kinds, at any depth: {fields.names.join(', ')}.</p>}
        {fields.metadata_dropped && <p class="muted">All metadata.</p>}
      </div>
    </Section>
  );
}

function fieldsOf(schema: Record<string, unknown>): FieldRow[] {
  const rows: FieldRow[] = [];
  const walk = (part: unknown, pointer: string, depth: number) => {
    if (!isRecord(part) || depth > DEEPEST) return;
    if (isRecord(part['items'])) walk(part['items'], `${pointer}/*`, depth + 1);
    const required = Array.isArray(part['required']) ? part['required'] : [];
    for (const [name, child] of Object.entries(isRecord(part['properties']) ? part['properties'] : {})) {
      if (rows.length >= MOST_FIELDS || !isRecord(child)) continue;
      const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      rows.push({ pointer: place, type: typeOf(child), required: required.includes(name), description: typeof child['description'] === 'string' ? child['description'] : '', depth });
      walk(child, place, depth + 1);
    }
  };
  walk(schema, '', 0);
  return rows;
}

function typeOf(schema: Record<string, unknown>): string {
  const { type, format, enum: values } = schema;
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ');
  const name = Array.isArray(type) ? type.join(' | ') : typeof type === 'string' ? type : 'any';
  return typeof format === 'string' ? `${name} (${format})` : name;
}
