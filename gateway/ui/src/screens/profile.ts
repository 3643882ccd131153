// The profile of a tenant.
import { path } from '../api/client';
import { useResource } from '../api/resource';
import type { Tenant } from '../api/schema';
import { area } from '../base/router';

/** The tenant's profile, which decides the request's form. Only the operator can read it; undefined: not known. */
export function useProfile(tenant: string | null): string | undefined {
  return useResource<Tenant>(area === 'dashboard' && tenant ? path('tenants', tenant) : null).data?.profile;
}
