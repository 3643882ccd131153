// The session: sign-in by link or key, renewal, sign-out. The token is in sessionStorage, and in no address.
import { signal } from '@preact/signals';
import { ApiError, api, authorize, toApiError } from '../api/client';
import { forgetAnswers } from '../api/resource';
import { toastError } from '../parts/toast';
import { tellParent } from './embed';
import { area, isWithin, navigate, url } from './router';
import { setTheme, type Theme } from './theme';

export type Capability = 'view' | 'payloads' | 'secrets.view' | 'secrets.rotate' | 'endpoints.write' | 'retry' | 'test' | 'chain.write';

/** What the gateway says of a session; without `token` where it is asked about one. */
export type SessionView = {
  token?: string;
  kind: 'dashboard' | 'portal';
  tenant: string | null;
  capabilities: Capability[];
  types: string[] | null;
  /** Set when only consumers' subscriptions are within reach. */
  consumer?: boolean;
  /** The only subscription within reach. */
  subscription?: string | null;
  next?: string | null;
  theme?: Theme;
  /** RFC 3339; null: a key, which does not expire by itself. */
  expires: string | null;
  renewable_until?: string | null;
  refresh_url?: string | null;
};
export type Session = SessionView & { token: string };

export type SessionState =
  | { at: 'starting' }
  | { at: 'signed-out'; reason?: ApiError; refresh?: string | null }
  | { at: 'signed-in'; session: Session };

export const sessionState = signal<SessionState>({ at: 'starting' });

const ALL: Capability[] = ['view', 'payloads', 'secrets.view', 'secrets.rotate', 'endpoints.write', 'retry', 'test', 'chain.write'];
const STORED = `hookgate.${area}`;
/** Milliseconds before its end at which a session is renewed. */
const RENEW_BEFORE = 5 * 60_000;
let renewal = 0;

/** Takes the code of a sign-in link out of the address. */
function takeCode(): string | undefined {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
  if (location.hash) history.replaceState(history.state, '', location.pathname + location.search);
  return code;
}
/** Taken when the module is loaded, before anything else happens. */
const firstCode = takeCode();

export const session = (): Session | null => (sessionState.value.at === 'signed-in' ? sessionState.value.session : null);
/** Set when the session may do this. The gateway decides; the pages only leave out what it would refuse. */
export const can = (capability: Capability): boolean => session()?.capabilities.includes(capability) ?? false;

/** What a session can reach: one endpoint, those of consumers, or all of the tenant. */
export type Reach = 'endpoint' | 'consumers' | 'tenant';
const REACHES: Reach[] = ['endpoint', 'consumers', 'tenant'];

/** Set when the session reaches this far. */
export function reaches(least: Reach): boolean {
  const own: Reach = session()?.subscription ? 'endpoint' : session()?.consumer ? 'consumers' : 'tenant';
  return REACHES.indexOf(own) >= REACHES.indexOf(least);
}

/** Set when the session may open the screens of a route. */
export const mayOpen = ({ needs, reach }: { needs?: Capability; reach?: Reach }): boolean => (!needs || can(needs)) && (!reach || reaches(reach));

export async function startSession(): Promise<void> {
  // A link that is opened where the page is already loaded changes the fragment only.
  addEventListener('hashchange', () => {
    const next = takeCode();
    if (next) void exchange(next);
  });
  const stored = read();
  if (firstCode) return exchange(firstCode, stored);
  if (!stored) return signedOut({});
  signIn(stored);
}

/** Exchanges a code for a session. Where that fails, the session that the tab has (`before`) goes on. */
async function exchange(secret: string, before = session()): Promise<void> {
  try {
    const view = await api<Session>('POST', '/v1/session', { body: { code: secret }, anonymous: true });
    if (view.kind !== area) {
      // What it permits belongs to other pages, and nobody else has its token.
      await api('DELETE', '/v1/session', { headers: { authorization: `Bearer ${view.token}` } }).catch(() => null);
      throw new ApiError(otherArea(view.kind), null);
    }
    forget();
    const asked = new URLSearchParams(location.search).has('theme');
    if (!asked && view.theme && view.theme !== 'auto') setTheme(view.theme);
    signIn(view);
    const next = view.next ? new URL(url(view.next), location.origin) : null;
    if (next?.origin === location.origin && isWithin(next.pathname)) navigate(next.pathname + next.search, { replace: true });
  } catch (cause) {
    const reason = toApiError(cause);
    if (!before) return signedOut({ reason });
    if (session()?.token !== before.token) signIn(before);
    toastError(reason);
  }
}

const otherArea = (kind: Session['kind']) => ({
  type: 'about:blank',
  title: kind === 'portal' ? 'This link opens the tenant portal' : 'This link opens the dashboard',
  status: 401,
  code: 'other_pages',
  detail: `It was opened at /${area}, and works once only.`,
  fix: `Get a new link, and open it as it is, at /${kind}.`,
  retry: 'no' as const,
});

/** Shows the sign-in. The page that embeds the portal is told, so that it can give it a new link. */
function signedOut(why: { reason?: ApiError; refresh?: string | null }): void {
  sessionState.value = { at: 'signed-out', ...why };
  tellParent({ type: 'hookgate:session-expired' });
}

/** Signs in with a key that was typed: the operator's in the dashboard, a tenant's in the portal. Throws an `ApiError`. */
export async function signInWithKey(key: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}` };
  if (area === 'dashboard') {
    await api('GET', '/v1/tenants', { query: { limit: 1 }, headers });
    signIn({ token: key, kind: 'dashboard', tenant: null, capabilities: ALL, types: null, expires: null });
  } else {
    signIn({ ...(await api<SessionView>('GET', '/v1/session', { headers })), token: key });
  }
}

export async function signOut(): Promise<void> {
  const ended = session();
  // A key stays valid; only a session is ended at the gateway.
  if (ended?.expires) await api('DELETE', '/v1/session').catch(() => null);
  forget();
  sessionState.value = { at: 'signed-out', refresh: ended?.refresh_url ?? null };
}

function signIn(next: Session): void {
  write(next);
  authorize(next.token, refused);
  sessionState.value = { at: 'signed-in', session: next };
  clearTimeout(renewal);
  if (next.expires === null) return;
  const left = Date.parse(next.expires) - Date.now();
  renewal = window.setTimeout(renew, Math.min(Math.max(left - RENEW_BEFORE, left / 2, 1000), 2 ** 31 - 1));
}

async function renew(): Promise<void> {
  const current = session();
  if (!current?.expires || Date.parse(current.renewable_until ?? '') <= Date.parse(current.expires)) return;
  try {
    const { expires } = await api<{ expires: string }>('POST', '/v1/session/renew');
    if (session()?.token === current.token) signIn({ ...current, expires });
  } catch {
    // The next request says whether the session has ended; until then it is tried again.
    if (session()?.token === current.token) renewal = window.setTimeout(renew, 30_000);
  }
}

function refused(reason: ApiError): void {
  const ended = session();
  forget();
  signedOut({ reason, refresh: ended?.refresh_url ?? null });
}

function forget(): void {
  clearTimeout(renewal);
  forgetAnswers();
  authorize(null, () => {});
  try {
    sessionStorage.removeItem(STORED);
  } catch {
    // Storage is refused: nothing was stored.
  }
}

function read(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Session | null;
  } catch {
    return null;
  }
}

function write(next: Session): void {
  try {
    sessionStorage.setItem(STORED, JSON.stringify(next));
  } catch {
    // Storage is refused: the session lasts as long as the page.
  }
}
