// Filters of the operator's lists: those of a tenant's, and the tenant.
import { useResource } from '../api/resource';
import type { TenantPage } from '../api/schema';
import { type Filter, filterNames } from '../parts/filters';
import { listFilters } from '../screens/delivery-list';

/** `but`: name of a filter that the list has no use for. */
export function useOperatorFilters(but?: string): { filters: Filter[]; names: string[] } {
  const { data } = useResource<TenantPage>('/v1/tenants', { query: { limit: 500 } });
  // Too many to choose from: the name is typed.
  const tenant: Filter = data?.next_cursor
    ? { name: 'tenant', label: 'Tenant', kind: 'text' }
    : { name: 'tenant', label: 'Tenant', kind: 'choice', options: (data?.data ?? []).map(({ id }) => ({ value: id, label: id })) };
  const filters = [...listFilters.slice(0, 1), tenant, ...listFilters.slice(1)].filter((one) => one.name !== but);
  return { filters, names: filterNames(filters) };
}
