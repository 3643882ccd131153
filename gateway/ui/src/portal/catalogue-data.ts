// The event types of the tenant, all pages of them, and an example of each.
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, api, isRecord, toApiError } from '../api/client';
import { reaches } from '../base/session';
import type { EventType, EventTypePage } from '../api/schema';

/** Pages of 500 types that are read. */
const MOST_PAGES = 10;
/** Depth to which an example is made up from a schema. */
const DEEPEST = 8;

export type Catalogue = { data: EventType[] | undefined; error: ApiError | undefined; reload: () => void };

export function useCatalogue(): Catalogue {
  const [state, setState] = useState<Omit<Catalogue, 'reload'>>({ data: undefined, error: undefined });
  const [round, setRound] = useState(0);
  useEffect(() => {
    // The catalogue is the tenant's: a session that reaches less names its types itself.
    if (!reaches('tenant')) return setState({ data: [], error: undefined });
    const abort = new AbortController();
    const read = async () => {
      const all: EventType[] = [];
      let cursor: string | null | undefined;
      for (let page = 0; page < MOST_PAGES; page++) {
        const part = await api<EventTypePage>('GET', '/v1/event-types', { query: { limit: 500, cursor }, signal: abort.signal });
        all.push(...part.data);
        cursor = part.next_cursor;
        if (!cursor) break;
      }
      setState({ data: all, error: undefined });
    };
    read().catch((cause: unknown) => !abort.signal.aborted && setState((old) => ({ ...old, error: toApiError(cause) })));
    return () => abort.abort();
  }, [round]);
  return { ...state, reload: () => setRound((number) => number + 1) };
}

/** The example of a schema, or one that is made up from its types. */
export function exampleOf(schema: unknown, depth = 0): unknown {
  if (!isRecord(schema) || depth > DEEPEST) return null;
  const { examples, example, const: fixed, enum: values, default: usual, properties, items, type } = schema;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  for (const one of [example, fixed, usual]) if (one !== undefined) return one;
  if (Array.isArray(values)) return values[0];
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    const parts = schema[key];
    if (Array.isArray(parts) && parts.length > 0 && !properties) return exampleOf(parts[0], depth + 1);
  }
  switch (Array.isArray(type) ? type[0] : (type ?? (properties ? 'object' : undefined))) {
    case 'object':
      return Object.fromEntries(Object.entries(isRecord(properties) ? properties : {}).map(([name, part]) => [name, exampleOf(part, depth + 1)]));
    case 'array':
      return items ? [exampleOf(items, depth + 1)] : [];
    case 'integer':
    case 'number':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
    case 'boolean':
      return true;
    case 'string':
      return STRINGS[String(schema['format'])] ?? 'text';
    default:
      return null;
  }
}

/** Set when the schema has an example of its own. */
export const hasExample = (schema: unknown): boolean => isRecord(schema) && Array.isArray(schema['examples']) && schema['examples'].length > 0;

const STRINGS: Record<string, string> = {
  'date-time': '2026-01-15T09:30:00Z',
  date: '2026-01-15',
  time: '09:30:00Z',
  email: 'ada@example.com',
  uri: 'https://example.com/',
  uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
};
