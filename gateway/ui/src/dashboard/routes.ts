// Screens of the operator. The order is that of the navigation.
import type { Route } from '../base/router';

export const routes: Route[] = [
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send' }, load: () => import('./deliveries') },
  { path: '/tenants/:tenant/events/:id', under: '/events', load: () => import('../screens/event') },
  { path: '/tenants/:tenant/deliveries/:id', under: '/deliveries', load: () => import('../screens/delivery') },
];
