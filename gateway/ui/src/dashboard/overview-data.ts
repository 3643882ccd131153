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

type Counts = (number | null)[];
export type EndpointHealth = { tenant: string; endpoint: Subscription; attempts: number; failed: number; values: (number | null)[] };
export type Overview = {
  /** Set when there are more tenants than those whose endpoints were read. */
  more: boolean;
  /** Beginnings of the whole minutes that the charts show. */
  times: string[];
  /** Counts by minute; null before the gateway counted anything. The last one is of the minute that runs. */
  accepted: Counts;
  delivered: Counts;
  failed: Counts;
  dead: Counts;
  /** Events accepted in a whole minute, on average; undefined until one has passed. */
  rate: number | undefined;
  /** Mean of the last minute with a sample; undefined before the first. */
  pending: number | undefined;
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
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const span = { step: '1m', since: new Date(minute - 59 * 60_000).toISOString() };
  const [all, page] = await Promise.all([
    api<SeriesPage>('GET', '/v1/operator/metrics/series', { query: { ...span, measure: 'accepted,delivered,failed,dead,pending' }, signal }),
    api<TenantPage>('GET', '/v1/tenants', { query: { limit: MOST_TENANTS }, signal }),
  ]);
  const values = all.series[0]?.values ?? {};
  const sampled = values['pending'] ?? [];
  // A gateway that runs takes samples: before the first one nothing is known. Counts of zero say nothing.
  const known = all.times.findIndex((_, index) => typeof sampled[index] === 'number' || ['accepted', 'delivered', 'failed'].some((measure) => values[measure]?.[index]));
  const first = known < 0 ? all.times.length : known;
  const of = (measure: string) => all.times.map((_, index) => (index < first ? null : (values[measure]?.[index] ?? 0)));
  const accepted = of('accepted');
  // The first minute may have begun before the gateway, and the last one has not ended.
  const whole = accepted.slice(first + 1, -1);
  const pending = sampled.filter((value) => value !== null).at(-1);
  const overview: Overview = {
    more: typeof page.next_cursor === 'string',
    times: all.times.slice(0, -1),
    accepted,
    delivered: of('delivered'),
    failed: of('failed'),
    dead: of('dead'),
    rate: whole.length > 0 ? total(whole) / whole.length : undefined,
    pending: typeof pending === 'number' ? Math.round(pending) : undefined,
    endpoints: [],
  };
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
