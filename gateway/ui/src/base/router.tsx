// Router: the address is the state. Links are ordinary anchors; clicks on them are taken over here.
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Capability, Reach } from './session';

export type Params = Record<string, string>;
export type ScreenProps = { params: Params };
export type Screen = ComponentType<ScreenProps>;

export type Route = {
  /** Path below the area: `/tenants/:tenant/deliveries/:id`. */
  path: string;
  load: () => Promise<{ default: Screen }>;
  /** Entry of the navigation; left out: the screen is reached from others. */
  nav?: { label: string; icon: string; group?: string };
  /** Path of the route in the navigation that this screen belongs to. */
  under?: string;
  /** Capability that a portal session needs for this screen. */
  needs?: Capability;
  /** How far a session has to reach for it; left out: one endpoint is enough. */
  reach?: Reach;
};

export type HistoryState = { trail?: string[] };
type Here = { path: string; search: string; state: HistoryState };
export type Area = 'dashboard' | 'portal';

const read = (): Here => ({ path: location.pathname, search: location.search, state: (history.state as HistoryState | null) ?? {} });

/** Where the page is. */
export const here = signal<Here>(read());
export const area: Area = location.pathname.startsWith('/portal') ? 'portal' : 'dashboard';
/** Path of an area's page: `url('/deliveries')`. */
export const url = (path: string): string => `/${area}${path === '/' ? '' : path}`;

export function navigate(to: string, options: { replace?: boolean; state?: HistoryState } = {}): void {
  const before = here.value.path;
  history[options.replace ? 'replaceState' : 'pushState'](options.state ?? {}, '', to);
  here.value = read();
  if (before !== here.value.path) scrollTo(0, 0);
}

/** Takes over the clicks on links within the area, and the browser's back and forward. */
export function startRouter(): void {
  addEventListener('popstate', () => (here.value = read()));
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = event.target instanceof Element ? event.target.closest('a') : null;
    if (!anchor || anchor.target || anchor.hasAttribute('download') || anchor.origin !== location.origin) return;
    if (!isWithin(anchor.pathname)) return;
    event.preventDefault();
    navigate(anchor.pathname + anchor.search);
  });
}

/** Set for a path of the area's pages. */
export const isWithin = (path: string): boolean => path === `/${area}` || path.startsWith(`/${area}/`);

/** The address's parameters, and a way to change some: null removes one. Filters replace the entry, paging adds one. */
export function useQuery(): {
  params: URLSearchParams;
  state: HistoryState;
  set: (patch: Record<string, string | null>, options?: { replace?: boolean; state?: HistoryState }) => void;
} {
  const { path, search, state } = here.value;
  const params = new URLSearchParams(search);
  return {
    params,
    state,
    set: (patch, options) => {
      const next = new URLSearchParams(here.value.search);
      for (const [name, value] of Object.entries(patch)) {
        if (value === null || value === '') next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      navigate(text ? `${path}?${text}` : path, options);
    },
  };
}

/** The parameters of a path that the pattern fits. */
export function match(pattern: string, path: string): Params | null {
  const want = pattern.split('/').filter(Boolean);
  const have = path.split('/').filter(Boolean);
  if (want.length !== have.length) return null;
  const params: Params = {};
  for (const [index, part] of want.entries()) {
    const value = have[index] ?? '';
    if (part.startsWith(':')) {
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return params;
}

export function find(routes: Route[]): { route: Route; params: Params } | null {
  const path = here.value.path.slice(area.length + 1);
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return null;
}

const loaded = new Map<Route, Screen>();

/** The screen of a route, loaded at its first use. */
export function useScreen(route: Route | undefined): { screen: Screen | undefined; failed: boolean } {
  const [, render] = useState(0);
  const [failed, setFailed] = useState<Route>();
  useEffect(() => {
    if (!route || loaded.has(route)) return;
    let current = true;
    route
      .load()
      .then((module) => loaded.set(route, module.default))
      .then(() => current && render((count) => count + 1))
      .catch(() => current && setFailed(route));
    return () => void (current = false);
  }, [route]);
  return { screen: route && loaded.get(route), failed: route !== undefined && failed === route };
}
