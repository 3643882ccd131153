// Screens of a tenant. The order is that of the navigation.
import type { Route } from '../base/router';

const list = (name: keyof typeof import('../screens/lists')): Route['load'] => () => import('../screens/lists').then((part) => ({ default: part[name] }));
const endpoint = (name: keyof typeof import('./endpoint-screens')): Route['load'] => () => import('./endpoint-screens').then((part) => ({ default: part[name] }));
const form = (name: keyof typeof import('./forms')): Route['load'] => () => import('./forms').then((part) => ({ default: part[name] }));
const catalogue = (name: 'Catalogue' | 'EventType'): Route['load'] => () => import('./catalogue-screens').then((part) => ({ default: part[name] }));
const shared = (name: 'Tail' | 'Usage'): Route['load'] => () => import('../screens/shared').then((part) => ({ default: part[name] }));

export const routes: Route[] = [
  { path: '/endpoints', nav: { label: 'Endpoints', icon: 'endpoint' }, needs: 'view', load: endpoint('Endpoints') },
  { path: '/endpoints/new', under: '/endpoints', needs: 'endpoints.write', reach: 'consumers', load: form('NewEndpoint') },
  { path: '/endpoints/:id', under: '/endpoints', needs: 'view', load: endpoint('Endpoint') },
  { path: '/endpoints/:id/edit', under: '/endpoints', needs: 'endpoints.write', load: form('EditEndpoint') },
  { path: '/events', nav: { label: 'Events', icon: 'event' }, needs: 'view', reach: 'consumers', load: list('Events') },
  { path: '/events/:id', under: '/events', needs: 'view', reach: 'consumers', load: () => import('../screens/one-event') },
  { path: '/deliveries', nav: { label: 'Deliveries', icon: 'send' }, needs: 'view', load: list('Deliveries') },
  { path: '/deliveries/:id', under: '/deliveries', needs: 'view', load: () => import('../screens/one-delivery') },
  { path: '/dead-letters', nav: { label: 'Dead letters', icon: 'dead' }, needs: 'view', load: list('DeadLetters') },
  { path: '/jobs', nav: { label: 'Jobs', icon: 'job' }, needs: 'retry', load: () => import('../screens/jobs-screens').then((part) => ({ default: part.Jobs })) },
  { path: '/tail', nav: { label: 'Live', icon: 'tail' }, needs: 'view', load: shared('Tail') },
  { path: '/catalogue', nav: { label: 'Event types', icon: 'catalogue', group: 'Reference' }, needs: 'view', reach: 'tenant', load: catalogue('Catalogue') },
  { path: '/catalogue/:type', under: '/catalogue', needs: 'view', reach: 'tenant', load: catalogue('EventType') },
  { path: '/usage', nav: { label: 'Usage', icon: 'usage', group: 'Reference' }, needs: 'view', reach: 'tenant', load: shared('Usage') },
];
