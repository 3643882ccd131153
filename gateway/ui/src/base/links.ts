// Addresses of screens. The operator's have the tenant in their path, the portal's are of the session's tenant.
import { area, url } from './router';

const segment = encodeURIComponent;
const within = (tenant: string | null | undefined, rest: string): string =>
  url(area === 'dashboard' && tenant ? `/tenants/${segment(tenant)}${rest}` : rest);

export const links = {
  home: () => url('/'),
  tenants: () => url('/tenants'),
  tenant: (tenant: string) => url(`/tenants/${segment(tenant)}`),
  deliveries: (query: Record<string, string> = {}) => withQuery(url('/deliveries'), query),
  delivery: (id: string, tenant?: string | null) => within(tenant, `/deliveries/${segment(id)}`),
  events: (query: Record<string, string> = {}) => withQuery(url('/events'), query),
  event: (id: string, tenant?: string | null) => within(tenant, `/events/${segment(id)}`),
  plugin: (name: string, tenant?: string | null) => within(tenant, `/plugins/${segment(name)}`),
  endpoints: () => url('/endpoints'),
  newEndpoint: () => url('/endpoints/new'),
  editEndpoint: (id: string) => url(`/endpoints/${segment(id)}/edit`),
  eventType: (type: string) => url(`/catalogue/${segment(type)}`),
  endpoint: (id: string, tenant?: string | null) => within(tenant, `/endpoints/${segment(id)}`),
};

function withQuery(path: string, query: Record<string, string>): string {
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}
