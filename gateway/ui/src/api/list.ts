// Lists with cursors. The cursor and the filters are in the address, so that a page of a list can be linked.
import { useRef } from 'preact/hooks';
import { useQuery } from '../base/router';
import type { Query } from './client';
import { type Resource, useResource } from './resource';

export type Page<T> = { data: T[]; next_cursor?: string | null; previous_cursor?: string | null; partial?: boolean };

export type List<T> = Resource<Page<T>> & {
  rows: T[];
  /** Set on the first page, which shows what is new by itself. */
  live: boolean;
  /** Moves to the older page; undefined: there is none. */
  older: (() => void) | undefined;
  newer: (() => void) | undefined;
  first: (() => void) | undefined;
};

export type ListOptions = {
  /** Names of the address's parameters that are sent as filters. */
  filters?: readonly string[];
  /** Parameters that are always sent. */
  query?: Query;
  tenant?: string | null | undefined;
  /** Milliseconds between reads of the first page. */
  poll?: number;
  limit?: number;
};

const POLL = 3000;
/** Pages that the way back remembers. */
const LONGEST_TRAIL = 200;

export function useList<T>(path: string | null, options: ListOptions = {}): List<T> {
  const { params, state, set } = useQuery();
  const cursor = params.get('cursor');
  const query: Query = { limit: options.limit ?? 50, ...options.query, cursor };
  for (const name of options.filters ?? []) query[name] = params.get(name);
  const live = cursor === null;
  const resource = useResource<Page<T>>(path, { query, tenant: options.tenant, poll: live ? (options.poll ?? POLL) : 0 });

  // While other filters are loaded, the rows before stay: a list does not blink.
  const shown = useRef<Page<T> | undefined>(undefined);
  if (resource.data) shown.current = resource.data;

  // Lists without a way back (the operator's) are walked back by the cursors that led here.
  const trail = Array.isArray(state.trail) ? state.trail : [];
  const go = (next: string | null, way: string[]) => () => set({ cursor: next }, { state: { trail: way.slice(-LONGEST_TRAIL) } });
  const next = resource.data?.next_cursor;
  const previous = resource.data?.previous_cursor;
  let newer: (() => void) | undefined;
  if (!live && trail.length > 0) newer = go(trail[trail.length - 1] || null, trail.slice(0, -1));
  else if (!live && previous) newer = go(previous, []);

  return {
    ...resource,
    rows: (resource.data ?? (resource.error ? undefined : shown.current))?.data ?? [],
    live,
    older: next ? go(next, [...trail, cursor ?? '']) : undefined,
    newer,
    first: live ? undefined : go(null, []),
  };
}
