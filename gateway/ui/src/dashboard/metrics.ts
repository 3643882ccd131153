// The gateway's metrics, in Prometheus' text form.
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, send, toApiError } from '../api/client';

type Metrics = { found: Map<string, number> | undefined; error: ApiError | undefined };

/** Samples of `/metrics`, read again after so many milliseconds while the page is visible. */
export function useMetrics(every: number): Metrics {
  const [metrics, set] = useState<Metrics>({ found: undefined, error: undefined });
  useEffect(() => {
    const abort = new AbortController();
    const read = () => {
      if (document.visibilityState !== 'visible') return;
      send('GET', '/metrics', { headers: { accept: 'text/plain' }, signal: abort.signal })
        .then((response) => response.text())
        .then((text) => set({ found: samples(text), error: undefined }))
        .catch((cause: unknown) => abort.signal.aborted || set((old) => ({ found: old.found, error: toApiError(cause) })));
    };
    read();
    const timer = setInterval(read, every);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [every]);
  return metrics;
}

/** Samples by name with their labels. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

/** Samples of one metric with their labels. */
export function labelled(found: Map<string, number>, metric: string): { labels: Record<string, string>; value: number }[] {
  const all: { labels: Record<string, string>; value: number }[] = [];
  for (const [name, value] of found) {
    if (!name.startsWith(`${metric}{`)) continue;
    all.push({ labels: Object.fromEntries([...name.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text])), value });
  }
  return all;
}
