// Frame of the application: navigation at the side, as a drawer on narrow screens, and the screen.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { brand } from '../base/brand';
import { bare, embedded } from '../base/embed';
import { area, find, here, type Route, url } from '../base/router';
import { mayOpen, session, signOut } from '../base/session';
import { setTheme, type Theme, theme } from '../base/theme';
import { Icon, Mark } from './icon';

export function Shell({ routes, children }: { routes: Route[]; children: ComponentChildren }) {
  const open = useSignal(false);
  const { path } = here.value;
  const menu = useRef<HTMLButtonElement>(null);
  useEffect(() => void (open.value = false), [path]);
  useEffect(() => {
    if (!open.value) return;
    const close = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      open.value = false;
      menu.current?.focus();
    };
    addEventListener('keydown', close);
    return () => removeEventListener('keydown', close);
  }, [open.value]);
  if (embedded) {
    return (
      <div class="shell is-embedded">
        {!bare && <Navigation routes={routes} />}
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
    );
  }
  return (
    <div class={`shell ${open.value ? 'is-open' : ''}`}>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')?.focus())}>
        Skip to content
      </a>
      <header class="topbar">
        <button ref={menu} type="button" class="copy" aria-label="Menu" aria-expanded={open.value} aria-controls="side" onClick={() => (open.value = !open.value)}>
          <Icon name={open.value ? 'close' : 'menu'} />
        </button>
        <Brand />
      </header>
      <aside class="side" id="side">
        <Brand />
        <Navigation routes={routes} />
        <div class="side-foot">
          <Themes />
          <button type="button" class="side-link" onClick={() => void signOut()}>
            <Icon name="signout" />
            Sign out
          </button>
        </div>
      </aside>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Brand() {
  const tenant = session()?.tenant;
  return (
    <a class="brand" href={url('/')}>
      <Mark />
      <span>
        {brand.name}
        {area === 'portal' && tenant && <small>{tenant}</small>}
      </span>
    </a>
  );
}

function Navigation({ routes }: { routes: Route[] }) {
  const current = find(routes)?.route;
  const entries = routes.filter((route) => route.nav && mayOpen(route));
  const groups = [...new Set(entries.map((route) => route.nav?.group ?? ''))];
  return (
    <nav aria-label="Main">
      {groups.map((group) => (
        <ul key={group} aria-label={group || 'Main'}>
          {group && (
            <li class="side-group" aria-hidden="true">
              {group}
            </li>
          )}
          {entries
            .filter((route) => (route.nav?.group ?? '') === group)
            .map((route) => (
              <li key={route.path}>
                <a class="side-link" href={url(route.path)} aria-current={route === current ? 'page' : route.path === current?.under ? 'true' : undefined}>
                  <Icon name={route.nav?.icon ?? ''} />
                  {route.nav?.label}
                </a>
              </li>
            ))}
        </ul>
      ))}
    </nav>
  );
}

const THEMES: [Theme, string, string][] = [
  ['light', 'Light', 'sun'],
  ['dark', 'Dark', 'moon'],
  ['auto', 'System', 'auto'],
];

function Themes() {
  return (
    <div class="themes" role="group" aria-label="Theme">
      {THEMES.map(([name, label, icon]) => (
        <button key={name} type="button" aria-pressed={theme.value === name} aria-label={label} title={label} onClick={() => setTheme(name)}>
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}
