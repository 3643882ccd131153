// The endpoints of a tenant by id, so that lists can show an address in place of an id.
import { useResource } from '../api/resource';
import type { Subscription, SubscriptionPage } from '../api/schema';

/** At most 500; further ones are shown by their ids. */
export function useEndpoints(tenant: string | null): Map<string, Subscription> {
  const { data } = useResource<SubscriptionPage>('/v1/subscriptions', { tenant, query: { limit: 500 } });
  return new Map(data?.data.map((one) => [one.id, one]));
}

/** A URL without its scheme, for lists. */
export const address = (url: string): string => url.replace(/^https?:\/\//, '');
