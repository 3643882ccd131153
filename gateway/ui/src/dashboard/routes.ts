// Screens of the operator. The order is that of the navigation.
import type { Route } from '../base/router';

export const routes: Route[] = [
  { path: '/overview', nav: { label: 'Overview', icon: 'home' }, load: () => import('./overview') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send', group: 'Traffic' }, load: () => import('./deliveries') },
  { path: '/events', nav: { label: 'Events', icon: 'event', group: 'Traffic' }, load: () => import('./events') },
  { path: '/attempts', nav: { label: 'Attempts', icon: 'chart', group: 'Traffic' }, load: () => import('./attempts') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead', group: 'Traffic' }, load: () => import('./dead-letters') },
  { path: '/live', nav: { label: 'Live', icon: 'tail', group: 'Traffic' }, load: () => import('./live') },
  { path: '/tenants', nav: { label: 'Tenants', icon: 'tenant', group: 'Setup' }, load: () => import('./tenants') },
  { path: '/plugins', nav: { label: 'Plugins', icon: 'plugin', group: 'Setup' }, load: () => import('./plugins') },
  { path: '/gateway', nav: { label: 'Gateway', icon: 'gear', group: 'Setup' }, load: () => import('./gateway') },
  { path: '/tenants/:tenant', under: '/tenants', load: () => import('./tenant') },
  { path: '/tenants/:tenant/live', under: '/live', load: () => import('../portal/tail') },
  { path: '/tenants/:tenant/endpoints/:id', under: '/tenants', load: () => import('./endpoint') },
  { path: '/tenants/:tenant/plugins/:id', under: '/tenants', load: () => import('../screens/plugin') },
  { path: '/tenants/:tenant/events/:id', under: '/events', load: () => import('../screens/event') },
  { path: '/tenants/:tenant/deliveries/:id', under: '/deliveries', load: () => import('../screens/delivery') },
];
