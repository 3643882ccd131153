// Filters of the operator's lists: those of a tenant's, and the tenant.
import type { Filter } from '../parts/filters';
import { listFilters } from '../screens/delivery-list';

const tenant: Filter = { name: 'tenant', label: 'Tenant', kind: 'text' };

export const operatorFilters: Filter[] = [...listFilters.slice(0, 1), tenant, ...listFilters.slice(1)];
/** Without the status, where the list has one only. */
export const deadFilters: Filter[] = operatorFilters.filter((one) => one.name !== 'status');
