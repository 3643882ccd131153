// Figures of the overview. No route counts over all tenants: they are read tenant by tenant and added up here.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type ApiError, path, toApiError } from '../api/client';
import type { SeriesPage, Subscription, SubscriptionPage, Tenant, TenantPage, Usage } from '../api/schema';
import { total } from '../base/format';

/** Tenants that are read. Each costs four requests. */
export const MOST_TENANTS = 16;
const AT_ONCE = 4;
/** Milliseconds between the rounds. */
const EVERY = 10_000;

export type EndpointHealth = { tenant: string; endpoint: Subscription; attempts: number; failed: number; values: (number | null)[] };
export type Overview = {
  tenants: number;
  /** Set when there are more tenants than those that were read. */
  more: boolean;
  times: string[];
  accepted: number[];
  delivered: number[];
  failed: number[];
  dead: number[];
  pending: number;
  endpoints: EndpointHealth[];
};

export function useOverview(): { data: Overview | undefined; error: ApiError | undefined } {
  const [state, setState] = useState<{ data: Overview | undefined; error: ApiError | undefined }>({ data: undefined, error: undefined });
  const running = useRef(false);
  useEffect(() => {
    const abort = new AbortController();
    const round = async () => {
      if (running.current || document.visibilityState !== 'visible') return;
      running.current = true;
      try {
        setState({ data: await read(abort.signal), error: undefined });
      } catch (cause) {
        if (!abort.signal.aborted) setState((old) => ({ data: old.data, error: toApiError(cause) }));
      } finally {
        running.current = false;
      }
    };
    void round();
    const timer = setInterval(() => void round(), EVERY);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, []);
  return state;
}

async function read(signal: AbortSignal): Promise<Overview> {
  const page = await api<TenantPage>('GET', '/v1/tenants', { query: { limit: MOST_TENANTS }, signal });
  const sum: Overview = { tenants: page.data.length, more: page.next_cursor !== null && page.next_cursor !== undefined, times: [], accepted: [], delivered: [], failed: [], dead: [], pending: 0, endpoints: [] };
  const left = [...page.data];
  // One span for all, so that their steps are the same, and whole minutes only: one that has just begun looks like a fall.
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const span = { since: new Date(now - 3_600_000).toISOString(), until: new Date(now).toISOString() };
  const worker = async () => {
    for (let tenant = left.shift(); tenant; tenant = left.shift()) await add(sum, tenant, span, signal);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sum;
}

async function add(sum: Overview, tenant: Tenant, span: { since: string; until: string }, signal: AbortSignal): Promise<void> {
  const of = { tenant: tenant.id, signal };
  const query = { step: '1m', ...span };
  const [all, each, endpoints, usage] = await Promise.all([
    api<SeriesPage>('GET', '/v1/metrics/series', { ...of, query: { ...query, measure: 'accepted,delivered,failed,dead' } }),
    api<SeriesPage>('GET', '/v1/metrics/series', { ...of, query: { ...query, measure: 'attempts,failed', by: 'subscription' } }),
    api<SubscriptionPage>('GET', '/v1/subscriptions', { ...of, query: { limit: 500 } }),
    api<Usage>('GET', path('tenants', tenant.id, 'usage'), { signal }),
  ]);
  if (all.times.length > sum.times.length) sum.times = all.times;
  const values = all.series[0]?.values;
  for (const measure of ['accepted', 'delivered', 'failed', 'dead'] as const) {
    for (const [index, value] of (values?.[measure] ?? []).entries()) sum[measure][index] = (sum[measure][index] ?? 0) + (value ?? 0);
    for (let index = 0; index < all.times.length; index++) sum[measure][index] ??= 0;
  }
  sum.pending += usage.quotas.pending_deliveries.used;
  for (const endpoint of endpoints.data) {
    const own = each.series.find((one) => one.key === endpoint.id)?.values;
    const failed = own?.['failed'] ?? [];
    sum.endpoints.push({ tenant: tenant.id, endpoint, attempts: total(own?.['attempts'] ?? []), failed: total(failed), values: failed });
  }
}
