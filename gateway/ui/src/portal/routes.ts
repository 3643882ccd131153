// Screens of a tenant. The order is that of the navigation.
import type { Route } from '../base/router';

export const routes: Route[] = [
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send' }, needs: 'view', load: () => import('./deliveries') },
  { path: '/deliveries/:id', under: '/deliveries', needs: 'view', load: () => import('../screens/delivery') },
];
