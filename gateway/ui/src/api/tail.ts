// Live tail: server-sent events read by fetch, as an EventSource cannot send the token. Reconnects where it was cut.
import { useEffect, useRef, useState } from 'preact/hooks';
import { type ApiError, type Query, send, toApiError } from './client';
import { backoff } from './resource';

export type TailLine = { id: string; event: string; data: unknown };
export type TailState = 'connecting' | 'live' | 'waiting' | 'refused';

export type TailHandlers = {
  line: (line: TailLine) => void;
  state?: (state: TailState, error?: ApiError) => void;
};

/** Bytes of one line of the stream, beyond which the connection is given up. */
const LONGEST_LINE = 1 << 20;
/** Milliseconds without a byte after which the connection counts as dead: three heartbeats. */
const SILENCE = 45_000;

/** Follows the tail until `signal` ends it. Resumes after the last line that was handled. */
export async function follow(path: string, query: Query, tenant: string | null, handlers: TailHandlers, signal: AbortSignal): Promise<void> {
  let last = '';
  let failures = 0;
  while (!signal.aborted) {
    let retryAfter: number | null = null;
    handlers.state?.('connecting');
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (last) headers['last-event-id'] = last;
      const response = await send('GET', path, { query, tenant, headers, signal: attempt.signal });
      handlers.state?.('live');
      await readEvents(response, stop, (line) => {
        failures = 0;
        if (line.id) last = line.id;
        handlers.line(line);
      });
    } catch (cause) {
      if (signal.aborted) return;
      const error = toApiError(cause);
      retryAfter = error.retryAfter;
      if (error.status !== 0 && !error.mayPass) return handlers.state?.('refused', error);
      handlers.state?.('waiting', error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    failures += 1;
    await pause(backoff(500, failures, retryAfter) * (0.75 + Math.random() / 2), signal);
  }
}

async function readEvents(response: Response, stop: () => void, handle: (line: TailLine) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const parser = new EventParser(handle);
  for (;;) {
    const timer = setTimeout(stop, SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    parser.push(value);
  }
}

/** Parser of `text/event-stream`. */
export class EventParser {
  private rest = '';
  private id = '';
  private event = '';
  private data: string[] = [];

  constructor(private readonly handle: (line: TailLine) => void) {}

  push(chunk: string): void {
    this.rest += chunk;
    if (this.rest.length > LONGEST_LINE) throw new Error('a line of the tail is too long');
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.take(line);
  }

  private take(line: string): void {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') this.id = value;
    else if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
  }

  private dispatch(): void {
    if (this.data.length > 0) {
      this.handle({ id: this.id, event: this.event || 'message', data: JSON.parse(this.data.join('\n')) as unknown });
    }
    this.event = '';
    this.data = [];
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

export type Tail = { lines: TailLine[]; state: TailState; error: ApiError | undefined };

/** The newest `keep` lines of the tail, newest first; `on` false pauses it. */
export function useTail(query: Query, options: { tenant?: string | null; keep?: number; on?: boolean } = {}): Tail {
  const { tenant = null, keep = 500, on = true } = options;
  const key = JSON.stringify(query);
  const shown = useRef('');
  const [tail, setTail] = useState<Tail>({ lines: [], state: 'connecting', error: undefined });
  useEffect(() => {
    if (!on) return;
    const abort = new AbortController();
    // Lines are collected and shown once a frame: 200 a second would else be 200 renderings.
    let fresh: TailLine[] = [];
    let frame = 0;
    const show = () => {
      frame = 0;
      const added = fresh.reverse();
      fresh = [];
      setTail((old) => ({ ...old, lines: [...added, ...old.lines].slice(0, keep) }));
    };
    // What was shown stays when a paused tail goes on; other filters begin anew.
    setTail((old) => ({ lines: shown.current === `${key} ${tenant}` ? old.lines : [], state: 'connecting', error: undefined }));
    shown.current = `${key} ${tenant}`;
    void follow('/v1/tail', JSON.parse(key) as Query, tenant, {
      line: (line) => {
        fresh.push(line);
        if (fresh.length > keep) fresh.shift();
        frame ||= requestAnimationFrame(show);
      },
      state: (state, error) => setTail((old) => ({ ...old, state, error })),
    }, abort.signal);
    return () => {
      abort.abort();
      cancelAnimationFrame(frame);
    };
  }, [key, tenant, keep, on]);
  return tail;
}
