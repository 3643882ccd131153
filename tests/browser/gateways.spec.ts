// What takes gateways of its own: a configured theme, and the tail when one of two gateways is killed.
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, fits, LOOKS, withAxe } from './checks';
import { calm, expect, loaded, NARROW, test as base, WIDE } from './fixtures';
import { type Call, eventually, freePort, killed, listening, startGateway, tenant, world } from './world';

/** A directory, and what is to be done with it at the end of a test. */
type Place = { dir: string; processes: ChildProcess[] };

const test = base.extend<{ place: Place }>({
  place: async ({ shared: _ }, use) => {
    const place: Place = { dir: await mkdtemp(join(tmpdir(), 'hookgate-browser-')), processes: [] };
    await use(place);
    for (const process of place.processes) await killed(process);
    await rm(place.dir, { recursive: true, force: true });
  },
});

/** A sign-in link, at this base. */
async function link(call: Call, at: string, body: object): Promise<string> {
  const { url } = await call<{ url: string }>('POST', '/v1/portal-links', body);
  return at + url.slice(new URL(url).origin.length);
}

const THEME = `
[portal.theme]
name = "Acme <hooks>"
radius = 0
font_size = 16
[portal.theme.light]
accent = "#0f766e"
ground = "#fffdf7"
[portal.theme.dark]
accent = "#5eead4"
on_accent = "#042f2e"
ground = "#0b1120"
raised = "#111a2e"
`;

test('the portal has the configured theme, in light and dark, and the dashboard has not', async ({ page, place, watch }) => {
  const logo = join(place.dir, 'logo.svg');
  await writeFile(logo, '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="24"><rect width="90" height="24" fill="#0f766e"/></svg>');
  const { url, process } = await startGateway(place.dir, `${THEME.replace('[portal.theme]\n', `[portal.theme]\nlogo = ${JSON.stringify(logo)}\n`)}`);
  place.processes.push(process);
  watch.allow(url);
  const { call } = await tenant(url, 'acme');
  await call('POST', '/v1/subscriptions', { url: 'http://127.0.0.1:9/hooks', events: ['order.*'] });
  await withAxe(page);
  await page.goto(await link(call, url, { capabilities: ['view', 'endpoints.write'] }));
  await loaded(page);
  await expect(page).toHaveTitle('Endpoints · Acme <hooks>');
  const mark = page.locator('#side .logo:visible');
  await expect(mark).toHaveCount(1);
  expect(await mark.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth), 'the logo is an image').toBe(90);
  const looks = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('main .button.is-primary')!).backgroundColor, getComputedStyle(document.querySelector('main .button.is-primary')!).borderRadius]);
  expect(await looks()).toEqual(['rgb(255, 253, 247)', 'rgb(15, 118, 110)', '0px']);
  await accessible(page, 'themed, light', { rules: LOOKS });
  await page.emulateMedia({ colorScheme: 'dark' });
  await calm(page);
  expect(await looks()).toEqual(['rgb(11, 17, 32)', 'rgb(94, 234, 212)', '0px']);
  await accessible(page, 'themed, dark', { rules: LOOKS });
  await page.setViewportSize(NARROW);
  await fits(page, 'themed, narrow');
  await page.setViewportSize(WIDE);

  // The address chooses light or dark, and whether there is a navigation; nothing else.
  await page.goto(`${url}/portal/endpoints?theme=light&accent=red&hide_navigation=1`);
  await loaded(page);
  expect(await looks()).toEqual(['rgb(255, 253, 247)', 'rgb(15, 118, 110)', '0px']);
  await expect(page.getByRole('navigation', { name: 'Main' })).toHaveCount(0);
  await page.locator('.row-link').first().click();
  await loaded(page);
  await page.reload();
  await loaded(page);
  await expect(page.getByRole('navigation', { name: 'Main' }), 'it holds for the tab').toHaveCount(0);

  await page.goto(`${url}/dashboard`);
  await expect(page).toHaveTitle('Sign in · hookgate');
  await page.emulateMedia({ colorScheme: 'light' });
});

test('all dead letters are retried by a job, which is paused, resumed and cancelled', async ({ page, place, watch }) => {
  const { url, process } = await startGateway(place.dir, 'bulk.rate = 1\n');
  place.processes.push(process);
  watch.allow(url);
  const acme = await tenant(url, 'acme');
  const { receiver, operatorKey } = world();
  const path = '/500/bulk';
  await acme.call('POST', '/v1/subscriptions', { url: `${receiver}${path}`, events: ['*'], retry: { schedule: ['50ms'] } });
  const total = 30;
  for (let n = 0; n < total; n += 1) await acme.call('POST', '/v1/events', { type: n < 3 ? 'order.paid' : 'order.shipped', data: {} });
  type Rows = { data: { type: string; status: string }[] };
  await eventually('the deliveries die', async () => (await acme.call<Rows>('GET', '/v1/deliveries?status=dead&limit=100')).data.length === total);
  await fetch(`${receiver}/becomes${path}`, { method: 'PUT', body: '200' });

  await page.goto(await link(acme.call, url, { capabilities: ['view', 'retry'], next: '/dead-letters?types=order.paid' }));
  await loaded(page);
  await page.getByRole('button', { name: 'Retry all that match' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog, 'it counts first').toContainText('3 deliveries match now');
  await expect(dialog).toContainText('types order.paid');
  expect((await acme.call<Rows>('GET', '/v1/deliveries?status=delivered')).data, 'and changes nothing').toEqual([]);
  await dialog.getByRole('button', { name: 'Retry them' }).click();
  await dialog.getByRole('link', { name: 'Jobs' }).click();
  await expect(page).toHaveURL(/\/portal\/jobs$/);
  const row = page.locator('main tbody tr').first();
  await expect(row, 'the job ends').toContainText('done');
  await expect(row.locator('td').nth(2), 'of three').toHaveText('3 made again');
  const delivered = async () => (await acme.call<Rows>('GET', '/v1/deliveries?status=delivered&limit=100')).data;
  await eventually('they are delivered', async () => (await delivered()).length === 3);
  expect((await delivered()).every(({ type }) => type === 'order.paid'), 'what does not match is left alone').toBe(true);

  // The operator's job is one tenant's, and slow enough to be paused.
  await page.addInitScript((key) => sessionStorage.setItem('hookgate.dashboard', JSON.stringify({ token: key, kind: 'dashboard', tenant: null, capabilities: ['view', 'retry'], types: null, expires: null })), operatorKey);
  await page.goto(`${url}/dashboard/dead-letters`);
  await loaded(page);
  await page.getByRole('button', { name: 'Retry all that match' }).click();
  await dialog.getByLabel('Tenant').selectOption('acme');
  await expect(dialog, 'those of the first job are made again').toContainText(`${total - 3} deliveries match now`);
  await dialog.getByRole('button', { name: 'Retry them' }).click();
  await dialog.getByRole('link', { name: 'Jobs' }).click();
  await expect(page).toHaveURL(/\/dashboard\/jobs$/);
  for (const [button, state] of [
    ['Pause', 'paused'],
    ['Resume', 'running'],
  ] as const) {
    await row.getByRole('button', { name: button }).click();
    await expect(row).toContainText(state);
  }
  await row.getByRole('button', { name: 'Cancel' }).click();
  await dialog.getByRole('button', { name: 'Cancel the job' }).click();
  await expect(row).toContainText('cancelled');
  await expect(row.getByRole('button'), 'an ended job offers nothing').toHaveCount(0);
  expect((await acme.call<Rows>('GET', '/v1/deliveries?status=dead&replayed=false&limit=100')).data.length, 'it stopped before its end').toBeGreaterThan(0);
});

/** Address of its own that passes connections on to the first gateway that takes them. */
async function balanced(ports: number[]): Promise<{ url: string; close: () => void }> {
  const open = new Set<Socket>();
  const server = createServer((from) => {
    open.add(from);
    from.on('error', () => from.destroy());
    from.on('close', () => open.delete(from));
    const attempt = ([port, ...others]: number[]) => {
      if (port === undefined) return from.destroy();
      let connected = false;
      const to = connect(port, '127.0.0.1', () => {
        connected = true;
        from.pipe(to);
        to.pipe(from);
      });
      to.on('error', () => (connected ? from.destroy() : attempt(others)));
      to.on('close', () => connected && from.destroy());
      from.on('close', () => to.destroy());
    };
    attempt(ports);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** Events of which each has a type of its own, so that its lines can be told from the others'. Fewer than a table shows at once. */
const EVENTS = 60;

test('the tail loses no acknowledged line when one of two gateways is killed', async ({ page, place, watch }) => {
  watch.allowFailedRequests();
  const port = await freePort();
  const redis = await listening(join(place.dir, 'redis'), 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', place.dir], /(Ready to accept connections)/);
  place.processes.push(redis.process);
  const shared = `store.url = "redis://127.0.0.1:${port}"\nauth.sealing_keys = "${Buffer.alloc(32, 7).toString('base64')}"\n`;
  const gateways = [];
  for (const name of ['first', 'second']) {
    const dir = join(place.dir, name);
    await mkdir(dir);
    const gateway = await startGateway(dir, shared);
    place.processes.push(gateway.process);
    gateways.push(gateway);
  }
  const [first, second] = gateways;
  if (!first || !second) throw new Error('two gateways are needed');
  const address = await balanced([first, second].map(({ url }) => Number(new URL(url).port)));
  watch.allow(address.url);
  try {
    const { call } = await tenant(second.url, 'acme');
    await page.goto(await link(call, address.url, { next: '/tail?events=accepted' }));
    await expect(page.locator('.live.is-on')).toBeVisible();
    const lines = () => page.evaluate(() => [...document.querySelectorAll('main tbody tr')].map((row) => /order\.n\d+/.exec(row.textContent ?? '')?.[0]).filter(Boolean));
    let published = 0;
    const publish = async (to: number) => {
      for (; published < to; published += 1) await call('POST', '/v1/events', { type: `order.n${published}`, data: {} });
    };
    await publish(EVENTS / 3);
    await eventually('lines are shown', async () => (await lines()).length > 0);
    // Events keep coming while the gateway that tails dies, and while the page looks for the other one.
    const publishing = publish((EVENTS / 3) * 2);
    await killed(first.process);
    await publishing;
    await publish(EVENTS);
    await expect.poll(async () => new Set(await lines()).size, { message: 'every acknowledged event has a line' }).toBe(EVENTS);
    expect((await lines()).length, 'and one only').toBe(EVENTS);
    await expect(page.locator('.live.is-on'), 'it goes on by itself').toBeVisible();
  } finally {
    address.close();
  }
});
