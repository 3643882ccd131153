// Figures of the overview: counts over all tenants, and the endpoints of the first of them.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type ApiError, toApiError } from '../api/client';
import type { SeriesPage, Subscription, SubscriptionPage, Tenant, TenantPage } from '../api/schema';
import { total } from '../base/format';

/** Tenants whose endpoints are read. Each costs two requests. */
export const MOST_TENANTS = 16;
const AT_ONCE = 4;
/** Milliseconds between the rounds. */
const EVERY = 10_000;

export type EndpointHealth = { tenant: string; endpoint: Subscription; attempts: number; failed: number; values: (number | null)[] };
export type Overview = {
  tenants: number;
  /** Set when there are more tenants than those whose endpoints were read. */
  more: boolean;
  times: string[];
  accepted: number[];
  delivered: number[];
  failed: number[];
  dead: number[];
  /** Mean of the last minute with a sample. */
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
  // Whole minutes only: one that has just begun looks like a fall.
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const span = { step: '1m', since: new Date(now - 3_600_000).toISOString(), until: new Date(now).toISOString() };
  const [all, page] = await Promise.all([
    api<SeriesPage>('GET', '/v1/operator/metrics/series', { query: { ...span, measure: 'accepted,delivered,failed,dead,pending' }, signal }),
    api<TenantPage>('GET', '/v1/tenants', { query: { limit: MOST_TENANTS }, signal }),
  ]);
  const of = (measure: string) => (all.series[0]?.values[measure] ?? all.times.map(() => null)).map((value) => value ?? 0);
  const sampled = (all.series[0]?.values['pending'] ?? []).filter((value) => value !== null);
  const overview: Overview = { tenants: page.data.length, more: page.next_cursor !== null && page.next_cursor !== undefined, times: all.times, accepted: of('accepted'), delivered: of('delivered'), failed: of('failed'), dead: of('dead'), pending: Math.round(sampled.at(-1) ?? 0), endpoints: [] };
  const left = [...page.data];
  const worker = async () => {
    for (let tenant = left.shift(); tenant; tenant = left.shift()) overview.endpoints.push(...(await endpoints(tenant, span, signal)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return overview;
}

async function endpoints(tenant: Tenant, span: Record<string, string>, signal: AbortSignal): Promise<EndpointHealth[]> {
  const of = { tenant: tenant.id, signal };
  const [each, page] = await Promise.all([
    api<SeriesPage>('GET', '/v1/metrics/series', { ...of, query: { ...span, measure: 'attempts,failed', by: 'subscription' } }),
    api<SubscriptionPage>('GET', '/v1/subscriptions', { ...of, query: { limit: 500 } }),
  ]);
  return page.data.map((endpoint) => {
    const own = each.series.find((one) => one.key === endpoint.id)?.values;
    const failed = own?.['failed'] ?? [];
    return { tenant: tenant.id, endpoint, attempts: total(own?.['attempts'] ?? []), failed: total(failed), values: failed };
  });
}
