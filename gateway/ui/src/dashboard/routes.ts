// Screens of the operator. The order is that of the navigation.
import type { Route } from '../base/router';

const list = (name: keyof typeof import('./lists')): Route['load'] => () => import('./lists').then((part) => ({ default: part[name] }));
const shared = (name: keyof typeof import('../screens/lists')): Route['load'] => () => import('../screens/lists').then((part) => ({ default: part[name] }));
const home = (name: keyof typeof import('./home')): Route['load'] => () => import('./home').then((part) => ({ default: part[name] }));
const one = (name: keyof typeof import('./one-tenant')): Route['load'] => () => import('./one-tenant').then((part) => ({ default: part[name] }));

export const routes: Route[] = [
  { path: '/overview', nav: { label: 'Overview', icon: 'home' }, load: home('Overview') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send', group: 'Traffic' }, load: shared('Deliveries') },
  { path: '/events', nav: { label: 'Events', icon: 'event', group: 'Traffic' }, load: shared('Events') },
  { path: '/attempts', nav: { label: 'Attempts', icon: 'chart', group: 'Traffic' }, load: home('Attempts') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead', group: 'Traffic' }, load: shared('DeadLetters') },
  { path: '/jobs', nav: { label: 'Jobs', icon: 'job', group: 'Traffic' }, load: () => import('../screens/jobs-screens').then((part) => ({ default: part.Jobs })) },
  { path: '/live', nav: { label: 'Live', icon: 'tail', group: 'Traffic' }, load: list('Live') },
  { path: '/tenants', nav: { label: 'Tenants', icon: 'tenant', group: 'Setup' }, load: list('Tenants') },
  { path: '/plugins', nav: { label: 'Plugins', icon: 'plugin', group: 'Setup' }, load: home('Plugins') },
  { path: '/gateway', nav: { label: 'Gateway', icon: 'gear', group: 'Setup' }, load: home('Gateway') },
  { path: '/tenants/:tenant', under: '/tenants', load: one('Tenant') },
  { path: '/tenants/:tenant/live', under: '/live', load: () => import('../screens/shared').then((part) => ({ default: part.Tail })) },
  { path: '/tenants/:tenant/endpoints/:id', under: '/tenants', load: one('Endpoint') },
  { path: '/tenants/:tenant/plugins/:id', under: '/tenants', load: () => import('../screens/chains').then((part) => ({ default: part.Plugin })) },
  { path: '/tenants/:tenant/events/:id', under: '/events', load: () => import('../screens/one-event') },
  { path: '/tenants/:tenant/deliveries/:id', under: '/deliveries', load: () => import('../screens/one-delivery') },
];
