// Screens of a tenant. The order is that of the navigation.
import type { Route } from '../base/router';

export const routes: Route[] = [
  { path: '/endpoints', nav: { label: 'Endpoints', icon: 'endpoint' }, needs: 'view', load: () => import('./endpoints') },
  { path: '/endpoints/new', under: '/endpoints', needs: 'endpoints.write', load: () => import('./new-endpoint') },
  { path: '/endpoints/:id', under: '/endpoints', needs: 'view', load: () => import('./endpoint') },
  { path: '/endpoints/:id/edit', under: '/endpoints', needs: 'endpoints.write', load: () => import('./edit-endpoint') },
  { path: '/events', nav: { label: 'Events', icon: 'event' }, needs: 'view', load: () => import('./events') },
  { path: '/events/:id', under: '/events', needs: 'view', load: () => import('../screens/event') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send' }, needs: 'view', load: () => import('./deliveries') },
  { path: '/deliveries/:id', under: '/deliveries', needs: 'view', load: () => import('../screens/delivery') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead' }, needs: 'view', load: () => import('./dead-letters') },
  { path: '/tail', nav: { label: 'Live', icon: 'tail' }, needs: 'view', load: () => import('./tail') },
  { path: '/catalogue', nav: { label: 'Event types', icon: 'catalogue', group: 'Reference' }, needs: 'view', load: () => import('./catalogue') },
  { path: '/catalogue/:type', under: '/catalogue', needs: 'view', load: () => import('./event-type') },
  { path: '/usage', nav: { label: 'Usage', icon: 'usage', group: 'Reference' }, needs: 'view', load: () => import('./usage') },
];
