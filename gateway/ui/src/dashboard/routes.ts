// Screens of the operator. The order is that of the navigation.
import type { Route } from '../base/router';

const list = (name: keyof typeof import('./lists')): Route['load'] => () => import('./lists').then((part) => ({ default: part[name] }));

export const routes: Route[] = [
  { path: '/overview', nav: { label: 'Overview', icon: 'home' }, load: () => import('./overview') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send', group: 'Traffic' }, load: list('Deliveries') },
  { path: '/events', nav: { label: 'Events', icon: 'event', group: 'Traffic' }, load: list('Events') },
  { path: '/attempts', nav: { label: 'Attempts', icon: 'chart', group: 'Traffic' }, load: list('Attempts') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead', group: 'Traffic' }, load: list('DeadLetters') },
  { path: '/live', nav: { label: 'Live', icon: 'tail', group: 'Traffic' }, load: () => import('./live') },
  { path: '/tenants', nav: { label: 'Tenants', icon: 'tenant', group: 'Setup' }, load: () => import('./tenants') },
  { path: '/plugins', nav: { label: 'Plugins', icon: 'plugin', group: 'Setup' }, load: () => import('./setup').then((part) => ({ default: part.Plugins })) },
  { path: '/gateway', nav: { label: 'Gateway', icon: 'gear', group: 'Setup' }, load: () => import('./setup').then((part) => ({ default: part.Gateway })) },
  { path: '/tenants/:tenant', under: '/tenants', load: () => import('./tenant') },
  { path: '/tenants/:tenant/live', under: '/live', load: () => import('../portal/tail') },
  { path: '/tenants/:tenant/endpoints/:id', under: '/tenants', load: () => import('./endpoint') },
  { path: '/tenants/:tenant/plugins/:id', under: '/tenants', load: () => import('../screens/plugin') },
  { path: '/tenants/:tenant/events/:id', under: '/events', load: () => import('../screens/event') },
  { path: '/tenants/:tenant/deliveries/:id', under: '/deliveries', load: () => import('../screens/delivery') },
];
