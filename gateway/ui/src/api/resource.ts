// Reads of the API as state of a component: loading, data, error, polled while the page is visible.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ApiError, api, apiUrl, type Query, toApiError } from './client';

export type Resource<T> = {
  /** Last answer; stays while a newer one is loaded, and after a failure. */
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** Reads again now; for use after a change. */
  reload: () => void;
};

export type ResourceOptions<T> = {
  query?: Query | undefined;
  tenant?: string | null | undefined;
  /** Milliseconds until the next read, or a function of the answer to them; 0 or left out: no further read. */
  poll?: number | ((data: T) => number) | undefined;
};

const CACHE_ENTRIES = 50;
const LONGEST_BACKOFF = 30_000;
/** Last answers, so that a page that is visited again shows at once what it showed. */
const cache = new Map<string, unknown>();

export const forgetAnswers = (): void => cache.clear();

/** `path` null: nothing is read (yet). */
export function useResource<T>(path: string | null, options: ResourceOptions<T> = {}): Resource<T> {
  const { tenant = null, poll = 0 } = options;
  const interval = useRef(poll);
  interval.current = poll;
  const polls = typeof poll === 'function' || poll > 0;
  const url = path === null ? null : apiUrl(path, options.query);
  const key = `${tenant ?? ''} ${url ?? ''}`;
  const [state, setState] = useState<{ key: string; data: T | undefined; error: ApiError | undefined }>();
  const [round, setRound] = useState(0);
  const failures = useRef(0);

  useEffect(() => {
    if (url === null) return;
    const abort = new AbortController();
    let timer = 0;
    const read = async (): Promise<void> => {
      const every = interval.current;
      let wait: number;
      try {
        const data = await api<T>('GET', url, { tenant, signal: abort.signal });
        remember(key, data);
        failures.current = 0;
        wait = typeof every === 'function' ? every(data) : every;
        setState({ key, data, error: undefined });
      } catch (cause) {
        if (abort.signal.aborted) return;
        const error = toApiError(cause);
        failures.current += 1;
        wait = !error.mayPass ? 0 : backoff(typeof every === 'function' ? 1000 : every, failures.current, error.retryAfter);
        setState((old) => ({ key, data: old?.key === key ? old.data : (cache.get(key) as T | undefined), error }));
      }
      if (polls && wait > 0 && !abort.signal.aborted) timer = window.setTimeout(whenVisible, wait);
    };
    const whenVisible = (): void => {
      if (document.visibilityState === 'visible') void read();
      else document.addEventListener('visibilitychange', whenVisible, { once: true });
    };
    void read();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', whenVisible);
    };
  }, [key, url, tenant, polls, round]);

  const reload = useCallback(() => setRound((number) => number + 1), []);
  const current = state?.key === key ? state : undefined;
  const data = current ? current.data : (cache.get(key) as T | undefined);
  return { data, error: current?.error, loading: url !== null && current === undefined, reload };
}

function remember(key: string, data: unknown): void {
  cache.delete(key);
  cache.set(key, data);
  const oldest = cache.keys().next().value;
  if (cache.size > CACHE_ENTRIES && oldest !== undefined) cache.delete(oldest);
}

/** Milliseconds until the next read after so many failures in a row. */
export function backoff(poll: number, failures: number, retryAfter: number | null): number {
  const doubled = Math.min(LONGEST_BACKOFF, Math.max(poll, 1000) * 2 ** Math.min(failures, 5));
  return retryAfter === null ? doubled : Math.max(doubled, retryAfter * 1000);
}
