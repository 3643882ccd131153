// The endpoints of tenants by id, so that lists can show an address in place of an id.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { useResource } from '../api/resource';
import type { Subscription, SubscriptionPage } from '../api/schema';
import { shortId } from '../base/format';

/** Tenants of a list whose endpoints are read at once. Each costs a request. */
const MOST_TENANTS = 16;
const query = { limit: 500 };

/** At most 500; further ones are shown by their ids. */
export function useEndpoints(tenant: string | null): Map<string, Subscription> {
  const { data } = useResource<SubscriptionPage>('/v1/subscriptions', { tenant, query });
  return new Map(data?.data.map((one) => [one.id, one]));
}

type Row = { subscription: string; tenant?: string };

/** Gives the address of a row's endpoint, or its id as long as the address is not known. Read once for each endpoint that turns up. */
export function useAddresses(rows: readonly Row[]): (row: Row) => string {
  const [known, setKnown] = useState<Record<string, string>>({ inline: 'named by the event' });
  const asked = useRef(new Set(['inline']));
  useEffect(() => {
    const unknown = rows.filter((row) => !asked.current.has(row.subscription));
    for (const row of unknown) asked.current.add(row.subscription);
    for (const tenant of [...new Set(unknown.map((row) => row.tenant))].slice(0, MOST_TENANTS)) {
      // Without an answer the ids stay.
      api<SubscriptionPage>('GET', '/v1/subscriptions', { tenant, query })
        .then(({ data }) => setKnown((old) => ({ ...old, ...Object.fromEntries(data.map(({ id, url }) => [id, address(url)])) })))
        .catch(() => {});
    }
  });
  return ({ subscription }) => known[subscription] ?? subscription;
}

/** A URL for lists: host and path. Credentials and the query, which may hold a token, are left out. */
export const address = (url: string): string => url.replace(/^https?:\/\/([^/?#]*@)?|[?#].*/g, '');

/** An address that fits a column: hosts differ at the beginning, paths at the end. */
export const shortAddress = (text: string): string => shortId(text, 14, 12);
