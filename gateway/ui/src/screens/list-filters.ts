// Filters of the lists of events, deliveries and attempts: those of a tenant's, and the tenant in the operator's.
import { useResource } from '../api/resource';
import type { TenantPage } from '../api/schema';
import { area } from '../base/router';
import { type Filter, filterNames } from '../parts/filters';
import { listFilters } from './delivery-list';

/** `but`: names of filters that the list has no use for; `more`: filters of its own. */
export function useListFilters(but: string[] = [], more: Filter[] = []): { filters: Filter[]; names: string[] } {
  const { data } = useResource<TenantPage>(area === 'dashboard' ? '/v1/tenants' : null, { query: { limit: 500 } });
  // Too many to choose from: the name is typed.
  const tenant: Filter = data?.next_cursor
    ? { name: 'tenant', label: 'Tenant', kind: 'text' }
    : { name: 'tenant', label: 'Tenant', kind: 'choice', options: (data?.data ?? []).map(({ id }) => ({ value: id, label: id })) };
  const filters = [...listFilters.filter(({ name }) => !but.includes(name)), ...more];
  if (area === 'dashboard') filters.splice(1, 0, tenant);
  return { filters, names: filterNames(filters) };
}
