// Screens of the operator. The order is that of the navigation.
import type { Route } from '../base/router';

const list = (name: keyof typeof import('./lists')): Route['load'] => () => import('./lists').then((part) => ({ default: part[name] }));

export const routes: Route[] = [
  { path: '/overview', nav: { label: 'Overview', icon: 'home' }, load: list('Overview') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send', group: 'Traffic' }, load: list('Deliveries') },
  { path: '/events', nav: { label: 'Events', icon: 'event', group: 'Traffic' }, load: list('Events') },
  { path: '/attempts', nav: { label: 'Attempts', icon: 'chart', group: 'Traffic' }, load: list('Attempts') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead', group: 'Traffic' }, load: list('DeadLetters') },
  { path: '/tenants', nav: { label: 'Tenants', icon: 'tenant', group: 'Setup' }, load: list('Tenants') },
  { path: '/tenants/:tenant', under: '/tenants', load: () => import('./tenant') },
  { path: '/tenants/:tenant/endpoints/:id', under: '/tenants', load: () => import('./endpoint') },
  { path: '/tenants/:tenant/plugins/:id', under: '/tenants', load: () => import('../screens/plugin') },
  { path: '/tenants/:tenant/events/:id', under: '/events', load: () => import('../screens/event') },
  { path: '/tenants/:tenant/deliveries/:id', under: '/deliveries', load: () => import('../screens/delivery') },
];
