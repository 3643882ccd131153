// Requests to the gateway's API: bearer token, tenant, and problems as typed errors.
import type { Problem } from './schema';

export type Query = Record<string, string | number | boolean | null | undefined>;

export type RequestOptions = {
  query?: Query | undefined;
  body?: unknown;
  /** Tenant for which the operator acts; null for the session's own. */
  tenant?: string | null | undefined;
  headers?: Record<string, string> | undefined;
  /** Sent without the session's token. */
  anonymous?: boolean;
  signal?: AbortSignal | undefined;
};

/** A request that was refused or got no answer. */
export class ApiError extends Error {
  /** HTTP status; 0: no answer. */
  readonly status: number;
  readonly problem: Problem;
  /** Seconds after which the gateway invites to try again. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null) {
    super(problem.detail || problem.title);
    this.name = 'ApiError';
    this.status = problem.status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Set when the same request may succeed later. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Detail of the error of the field at this JSON pointer, or within it. */
  at(pointer: string): string | undefined {
    const found = this.problem.errors?.find((error) => isAt(error.pointer, pointer));
    return found && (found.pointer === pointer ? found.detail : `${found.pointer.slice(pointer.length)} ${found.detail}`);
  }
}

/** Set for a JSON pointer to a field, or to something within it. */
export const isAt = (pointer: string, field: string): boolean => pointer === field || pointer.startsWith(`${field}/`);

let token: string | null = null;
let onUnauthorized: (error: ApiError) => void = () => {};

/** Sets the token of all further requests, and what happens when the gateway refuses it. */
export function authorize(next: string | null, refused: (error: ApiError) => void): void {
  token = next;
  onUnauthorized = refused;
}

export function apiUrl(path: string, query?: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** Sends a request and returns the open response; throws an `ApiError` unless it is 2xx. */
export async function send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (!headers.has('accept')) headers.set('accept', 'application/json');
  const used = options.anonymous ? null : token;
  if (used !== null && !headers.has('authorization')) headers.set('authorization', `Bearer ${used}`);
  if (options.tenant) headers.set('hookgate-tenant', options.tenant);
  let body: BodyInit | null = null;
  if (options.body instanceof Blob) body = options.body;
  else if (options.body !== undefined) {
    body = JSON.stringify(options.body);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  }

  let response: Response;
  try {
    response = await fetch(apiUrl(path, options.query), {
      method,
      headers,
      body,
      signal: options.signal ?? null,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(NO_ANSWER, null);
  }
  if (response.ok) return response;

  const error = new ApiError(await problemOf(response), seconds(response.headers.get('retry-after')));
  // Only a refusal of the token in use ends the session: another one may have begun meanwhile.
  if (error.status === 401 && used !== null && used === token && !options.headers?.['authorization']) onUnauthorized(error);
  throw error;
}

/** Sends a request and returns its JSON answer. The type is the caller's claim, from `schema.ts`. */
export async function api<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
  const response = await send(method, path, options);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    type: 'about:blank',
    title: `The gateway answered ${response.status}`,
    status: response.status,
    code: `http_${response.status}`,
    detail: response.statusText || 'The answer explains nothing further.',
    fix: 'Try again; if it stays so, look at the log of the gateway.',
    retry: response.status >= 500 ? 'safe' : 'no',
  };
  try {
    const parsed: unknown = await response.json();
    return isRecord(parsed) && typeof parsed['code'] === 'string' ? ({ ...fallback, ...parsed } as Problem) : fallback;
  } catch {
    return fallback;
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const toApiError = (cause: unknown): ApiError =>
  cause instanceof ApiError
    ? cause
    : new ApiError({ ...NO_ANSWER, code: 'page_failed', title: 'The page failed', detail: String(cause), retry: 'no' }, null);

/** The path of a resource: each argument is one segment. */
export const path = (...segments: string[]): string => `/v1/${segments.map((part) => encodeURIComponent(part)).join('/')}`;

function seconds(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

const NO_ANSWER: Problem = {
  type: 'about:blank',
  title: 'The gateway did not answer',
  status: 0,
  code: 'no_answer',
  detail: 'The connection failed before an answer came.',
  fix: 'Check that the gateway runs and can be reached from this browser.',
  retry: 'safe',
};
