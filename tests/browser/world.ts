// What the specs run against: a receiver, a gateway of its own and data in it, started once for a run. The specs share it; what changes something
// makes a tenant of its own. Where `HOOKGATE_PAGES=dev` is set, the pages come from gateway/ui/src by the development server.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { appendFileSync } from 'node:fs';

export type World = {
  /** Base of the pages; the API is there too. */
  base: string;
  receiver: string;
  operatorKey: string;
  /** Files with all that the gateway said and keeps. */
  log: string;
  /** Directory of the gateway. */
  dir: string;
  acme: { key: string };
  /** Parameters of the screens' paths, by the segment before them. */
  samples: Record<string, string>;
};

const OPERATOR_KEY = 'hg_test_operator_key_0123456789abcdef';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Milliseconds after which a wait has failed. */
const BOUND = 120_000;

/** The running world, in the workers. */
export const world = (): World => JSON.parse(process.env['HOOKGATE_WORLD'] ?? 'null') as World;

export default async function start(): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'hookgate-browser-'));
  const log = join(dir, 'log');
  const processes: ChildProcess[] = [];
  const receiver = await receive();
  const end = async () => {
    for (const process of processes) await killed(process);
    receiver.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const { url: gateway, process: started } = await startGateway(dir);
    processes.push(started);
    let base = gateway;
    if (process.env['HOOKGATE_PAGES'] === 'dev') {
      const development = [join(ROOT, 'gateway/ui/dev.mjs'), '--gateway', gateway, '--port', String(await freePort())];
      const pages = await listening(log, process.execPath, development, /(http:\S+)\/dashboard/);
      processes.push(pages.process);
      base = pages.said.trim();
    }
    const seeded = await seed(base, receiver.url);
    const made: World = { base, receiver: receiver.url, operatorKey: OPERATOR_KEY, log, dir, ...seeded };
    process.env['HOOKGATE_WORLD'] = JSON.stringify(made);
  } catch (cause) {
    await end();
    throw cause;
  }
  return end;
}

/** Starts a gateway that keeps and logs everything in a directory. `more` is added to its usual settings, in TOML. */
export async function startGateway(dir: string, more = ''): Promise<{ url: string; process: ChildProcess }> {
  const binary = process.env['HOOKGATE_BINARY'];
  if (!binary) throw new Error('HOOKGATE_BINARY must name the gateway');
  const file = join(dir, 'hookgate.toml');
  await writeFile(file, `${configuration(dir)}${more}`);
  const { said, process: started } = await listening(join(dir, 'log'), binary, ['serve', '--config', file], /listening on (http:\S+)/);
  return { url: said, process: started };
}

/** Ends a process as a crash would, and waits for its end. */
export async function killed(process: ChildProcess): Promise<void> {
  process.kill('SIGKILL');
  await new Promise((resolve) => (process.exitCode === null && process.signalCode === null ? process.once('exit', resolve) : resolve(null)));
}

/** Limits that a slow machine does not reach, and retries that come to their end soon. */
const configuration = (dir: string): string => `
data_dir = ${JSON.stringify(join(dir, 'data'))}
server.listen = "127.0.0.1:0"
server.header_timeout = "2m"
server.body_timeout = "2m"
auth.operator_key = "${OPERATOR_KEY}"
egress.allow = ["127.0.0.0/8"]
retry.base = "100ms"
retry.max = "300ms"
retry.attempts = 3
plugins.call_deadline = "10s"
plugins.chain_deadline = "1m"
plugins.compile_time = "10m"
`;

/** Starts a process whose output goes to the log, and gives what it says of its address. */
export function listening(log: string, command: string, args: string[], says: RegExp): Promise<{ said: string; process: ChildProcess }> {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOOKGATE_')));
  const started = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const timer = setTimeout(() => {
      started.kill('SIGKILL');
      reject(new Error(`${command} does not listen:\n${said.join('\n')}`));
    }, BOUND);
    for (const stream of [started.stdout, started.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (said.length > 200) said.shift();
        appendFileSync(log, `${line}\n`);
        const found = says.exec(line)?.[1];
        if (found) resolve((clearTimeout(timer), { said: found, process: started }));
      });
    }
    started.once('error', reject);
    started.once('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${said.join('\n')}`)));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A receiver that answers as its path says: `/200/…`. `PUT /becomes/PATH` with a status changes the answer of a path from then on. */
async function receive(): Promise<{ url: string; close: () => void }> {
  const changed = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (path.startsWith('/becomes/')) {
        changed.set(path.slice('/becomes'.length), Number(Buffer.concat(chunks).toString()));
        return response.writeHead(204).end();
      }
      const status = changed.get(path) ?? (Number(path.split('/')[1]) || 200);
      response.writeHead(status, { 'content-type': 'application/json' });
      return response.end(status < 300 ? '{"ok":true}' : '{"error":"the receiver has no account 4711"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => (server.closeAllConnections(), void server.close()) };
}

export type Call = <T = Record<string, any>>(method: string, path: string, body?: unknown) => Promise<T>;

/** A client of the API with this key, for this tenant where it is the operator's. */
export function caller(base: string, key: string, tenant?: string): Call {
  return async (method, path, body) => {
    const headers: Record<string, string> = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    if (tenant) headers['hookgate-tenant'] = tenant;
    const answer = await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

/** Waits until `look` gives something. */
export async function eventually<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const until = Date.now() + BOUND;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > until) throw new Error(`waited ${BOUND} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A tenant with a chain that redacts, and its key. */
export async function tenant(base: string, id: string): Promise<{ key: string; call: Call }> {
  const made = await caller(base, OPERATOR_KEY)<{ key?: string }>('POST', '/v1/tenants', { id });
  if (!made.key) throw new Error(`the tenant ${id} has no key: ${Object.keys(made)}`);
  const call = caller(base, made.key);
  await call('PUT', '/v1/chain', { steps: [{ plugin: 'redact', settings: { fields: ['/email', '/card/number'] } }] });
  return { key: made.key, call };
}

/** Two tenants with endpoints that take, fail and are disabled, and deliveries that have ended in each way. */
async function seed(base: string, receiver: string): Promise<Pick<World, 'acme' | 'samples'>> {
  const acme = await tenant(base, 'acme');
  const globex = await tenant(base, 'globex');
  const data = { id: 'ord_1', email: 'ada@example.com', card: { number: '4111 1111 1111 1111', brand: 'visa' }, lines: [{ sku: 'a-1', count: 2 }, { sku: 'b-2', count: 1 }] };
  const subscribe = (one: typeof acme, path: string, more: object = {}) => one.call<{ id: string }>('POST', '/v1/subscriptions', { url: `${receiver}${path}`, events: ['*'], ...more });
  const works = await subscribe(acme, '/200/acme');
  await subscribe(acme, '/500/acme', { events: ['order.*'], description: 'The old warehouse', retry: { schedule: ['100ms'] } });
  const off = await subscribe(acme, '/200/off', { description: 'Switched off' });
  await acme.call('POST', `/v1/subscriptions/${off.id}/disable`);
  await subscribe(globex, '/404/globex', { retry: { schedule: ['100ms'] } });
  const order = { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'Number of the order' }, lines: { type: 'array', items: { type: 'object' } } }, examples: [{ id: 'ord_1' }] };
  await acme.call('PUT', '/v1/event-types/order.paid', { description: 'An order was paid', schema: order });
  let last = '';
  for (let n = 0; n < 6; n += 1) {
    for (const one of [acme, globex]) {
      const { id } = await one.call<{ id: string }>('POST', '/v1/events', { type: ['order.paid', 'order.shipped', 'invoice.created'][n % 3], data });
      if (one === acme) last = id;
    }
  }
  type Rows = { data: { id: string; status: string; event: string; type: string }[] };
  const ended = await eventually('the deliveries end', async () => {
    const rows = [...(await acme.call<Rows>('GET', '/v1/deliveries?limit=100')).data, ...(await globex.call<Rows>('GET', '/v1/deliveries?limit=100')).data];
    return rows.length >= 16 && rows.every((row) => row.status !== 'pending') && rows;
  });
  const dead = ended.find((row) => row.status === 'dead');
  if (!dead) throw new Error('no delivery died');
  await acme.call('POST', '/v1/bulk', { action: 'cancel', filter: { types: ['nothing.*'] } });
  const samples = { tenants: 'acme', deliveries: dead.id, events: last, endpoints: works.id, subscriptions: works.id, plugins: 'redact', 'event-types': 'order.paid', catalogue: 'order.paid' };
  return { acme: { key: acme.key }, samples };
}
