// Screens of a tenant. The order is that of the navigation.
import type { Route } from '../base/router';

export const routes: Route[] = [
  { path: '/', load: () => import('./deliveries') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send' }, needs: 'view', load: () => import('./deliveries') },
  { path: '/deliveries/:id', needs: 'view', load: () => import('../screens/delivery') },
];
