// What users come for, from the sign-in to the end. Each test makes the tenant that it changes.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, loaded, NARROW, test } from './fixtures';
import { type Call, caller, eventually, tenant, world } from './world';

const operator = (): Call => caller(world().base, world().operatorKey);

/** Address of a sign-in link on the pages' own origin, and its code. */
async function link(call: Call, path: string, body: object): Promise<{ url: string; code: string }> {
  const { url } = await call<{ url: string }>('POST', path, body);
  const { pathname, hash } = new URL(url);
  return { url: `${world().base}${pathname}${hash}`, code: hash.slice('#code='.length) };
}

async function openPortal(page: Page, call: Call, body: object): Promise<void> {
  await page.goto((await link(call, '/v1/portal-links', body)).url);
  await loaded(page);
}

/** Status and text that the API answers to the token of the page's own session. */
const answer = (page: Page, method: string, path: string, body?: object): Promise<{ status: number; text: string }> =>
  page.evaluate(
    async ([method, path, body]) => {
      const { token } = JSON.parse(sessionStorage.getItem('hookgate.portal') ?? '{}');
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await fetch(path as string, { method: method as string, headers, body: body as string });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body && JSON.stringify(body)],
  );

test('sign-in by the operator key, and sign-out', async ({ page, watch }) => {
  watch.allowFailedRequests();
  await page.goto('/dashboard');
  const key = page.getByLabel('Operator key');
  await expect(key, 'ready to type').toBeFocused();
  await page.keyboard.type('not the key');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toBeVisible();
  await key.fill(world().operatorKey);
  await page.keyboard.press('Enter');
  await loaded(page);
  await page.reload();
  await loaded(page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(key).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.length + localStorage.length), 'nothing is left behind').toBe(0);
  await page.goBack();
  await expect(page.locator('main table'), 'the way back shows nothing').toHaveCount(0);
});

test('a link signs in once, and its code is kept nowhere', async ({ page, shared, watch }) => {
  watch.allowFailedRequests();
  const acme = caller(world().base, world().acme.key);
  const places: [Call, string, object, string, string][] = [
    [operator(), '/v1/operator/dashboard-links', {}, 'hookgate.dashboard', '/dashboard/'],
    [acme, '/v1/portal-links', {}, 'hookgate.portal', '/portal/'],
    [acme, '/v1/portal-links', { next: '/deliveries?status=dead' }, 'hookgate.portal', '/portal/deliveries?status=dead'],
  ];
  for (const [call, path, body, stored, at] of places) {
    const { url, code } = await link(call, path, body);
    expect(code.length).toBeGreaterThan(20);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(url);
    await loaded(page);
    expect(page.url(), 'the page of the link').toContain(`${world().base}${at}`);
    expect(page.url(), 'the code is gone from the address').not.toContain('#');
    expect(asked.filter((one) => one.replace(/#.*/, '').includes(code)), 'no request has it').toEqual([]);
    const session = await page.evaluate((name) => sessionStorage.getItem(name) ?? '', stored);
    expect(JSON.parse(session).token).toMatch(/^hgs_/);

    const second = await shared.newPage();
    await second.goto(url);
    await expect(second.getByRole('alert'), 'a code works once').toContainText('code_invalid');
    await second.close();
    expect(await holders(world().dir, [code, JSON.parse(session).token]), 'neither a log nor the store has it').toEqual([]);
  }
});

test('a link for the other pages, or one that does not work, leaves the session as it is', async ({ page, shared, watch }) => {
  watch.allowFailedRequests();
  const acme = caller(world().base, world().acme.key);
  const portal = () => link(acme, '/v1/portal-links', {});
  const dashboard = () => link(operator(), '/v1/operator/dashboard-links', {});
  const stored = (name: string) => page.evaluate((name) => sessionStorage.getItem(name), `hookgate.${name}`);
  const cases = [
    ['dashboard', dashboard, portal, 'opens the tenant portal'],
    ['portal', portal, dashboard, 'opens the dashboard'],
  ] as const;
  for (const [area, own, other, told] of cases) {
    await page.goto((await own()).url);
    await loaded(page);
    const before = await stored(area);
    expect(before).toContain('hgs_');
    const used = (await own()).code;
    await shared.request.post('/v1/session', { data: { code: used } });
    for (const [code, text] of [
      [(await other()).code, told],
      [used, 'code'],
    ] as const) {
      // In the page that is open, and as a new visit of the tab.
      await page.evaluate((code) => (location.hash = `code=${code}`), code);
      await expect(page.locator('.toast.is-bad')).toContainText(text);
      await page.locator('.toast button').click();
      expect(await stored(area), `${area}: ${text}`).toBe(before);
    }
    await page.goto(`/${area}?again#code=${(await other()).code}`);
    await expect(page.locator('.toast.is-bad')).toContainText(told);
    await loaded(page);
    expect(await stored(area), area).toBe(before);
    const { token } = JSON.parse(before ?? '{}') as { token: string };
    await caller(world().base, token)('GET', '/v1/session');

    const fresh = await shared.newPage();
    await fresh.goto(`/${area}#code=${(await other()).code}`);
    await expect(fresh.getByRole('alert'), 'a tab without a session says so').toContainText(told);
    expect(await fresh.evaluate(() => sessionStorage.length), 'and gets none').toBe(0);
    await fresh.close();
  }
});

test('long event types and ids can be read at 375 px', async ({ page }) => {
  const { call } = await tenant(world().base, 'long-names');
  const type = `${'department_of_long_names.'.repeat(4)}renamed`;
  await call('POST', '/v1/subscriptions', { url: `${world().receiver}/200/long`, events: ['*'] });
  const { id } = await call<{ id: string }>('POST', '/v1/events', { type, data: {} });
  await page.setViewportSize(NARROW);
  await openPortal(page, call, { capabilities: ['view', 'payloads'] });
  for (const path of ['/portal/deliveries', '/portal/events', `/portal/events/${id}`]) {
    await page.goto(path);
    await loaded(page);
    const whole = page.getByText(path.endsWith(id) ? id : type, { exact: true }).filter({ visible: true }).first();
    await expect(whole, path).toBeVisible();
    const cut = await whole.evaluate((element) => {
      const found = [];
      const right = element.getBoundingClientRect().right;
      for (let at: Element | null = element; at; at = at.parentElement) {
        if (getComputedStyle(at).overflowX !== 'visible' && right > at.getBoundingClientRect().right + 1) found.push(at.className);
      }
      return [...found, ...(right > innerWidth ? ['the window'] : [])];
    });
    expect(cut, `${path}: nothing cuts it`).toEqual([]);
  }
});

/** Files below a directory that have one of the texts. */
async function holders(dir: string, texts: string[]): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  expect(files).toContain(world().log);
  const found: string[] = [];
  for (const file of files) {
    const content = await readFile(file).catch(() => null);
    if (content && texts.some((text) => content.includes(text))) found.push(file);
  }
  return found;
}

test('why a delivery failed, what was redacted, and sent again', async ({ page }) => {
  const { call } = await tenant(world().base, 'finding');
  const path = '/500/finding';
  const { id: endpoint } = await call('POST', '/v1/subscriptions', { url: `${world().receiver}${path}`, events: ['*'], retry: { schedule: ['50ms'] } });
  await call('POST', '/v1/events', { type: 'order.paid', data: { id: 'ord_7', email: 'ada@example.com' } });
  type Rows = { data: { id: string; replayed_as: string | null; status: string }[] };
  const [dead] = await eventually('the delivery dies', async () => {
    const { data } = await call<Rows>('GET', '/v1/deliveries?status=dead');
    return data.length > 0 && data;
  });

  await openPortal(page, call, { capabilities: ['view', 'payloads', 'retry'] });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Deliveries' }).click();
  await page.getByLabel('Status').selectOption('dead');
  await page.getByRole('row').getByRole('link').click();
  await loaded(page);
  const main = page.locator('main');
  await expect(main).toContainText('Given up after 2 attempts');
  await expect(main).toContainText('answered 500');
  await expect(main, 'what the endpoint said').toContainText('no account 4711');
  await page.getByRole('tab', { name: 'Chain' }).click();
  await expect(main, 'the event’s chain').toContainText('redact');
  await expect(main.locator('code').getByText('/email'), 'the removed field is named').toBeVisible();
  await page.getByRole('tab', { name: 'Request' }).click();
  await expect(main).toContainText('ord_7');
  expect(await page.content(), 'what was removed is shown nowhere').not.toContain('ada@example.com');

  await fetch(`${world().receiver}/becomes${path}`, { method: 'PUT', body: '200' });
  await page.getByRole('button', { name: 'Retry' }).click();
  await expect(main).toContainText('Delivered at the first attempt');
  expect(decodeURIComponent(page.url()).split('/').pop(), 'the new delivery is shown').not.toBe(dead?.id);
  const { data: after } = await call<Rows>('GET', '/v1/deliveries');
  expect(after.map((one) => one.status).sort(), endpoint).toEqual(['dead', 'delivered']);
  await page.goBack();
  await expect(main, 'the dead letter says so').toContainText('It was made again');
});

test('an endpoint is made, its secret shown once, tested and disabled', async ({ page }) => {
  const { call } = await tenant(world().base, 'making');
  await openPortal(page, call, { capabilities: ['view', 'payloads', 'endpoints.write', 'test'], next: '/endpoints' });
  await page.getByRole('link', { name: 'New endpoint' }).first().click();
  await page.getByLabel('URL').fill(`${world().receiver}/200/making`);
  await page.getByRole('button', { name: 'Create endpoint' }).click();
  await expect(page.getByRole('heading', { name: 'Endpoint created' })).toBeVisible();
  const { data: [made] } = await call<{ data: { id: string; status: string }[] }>('GET', '/v1/subscriptions');
  const { secret } = await call<{ secret: string }>('GET', `/v1/subscriptions/${made?.id}/secret`);
  expect(await shows(page, secret), 'the secret is shown').toBe(true);
  await expect(page.locator('main')).toContainText('shown this once');

  await page.getByRole('button', { name: 'Send test' }).click();
  await expect(page.locator('main .answer')).toContainText('200');
  await page.getByRole('link', { name: 'Go to the endpoint' }).click();
  await loaded(page);
  for (const tab of await page.getByRole('tab').all()) {
    await tab.click();
    await loaded(page);
    expect(await shows(page, secret), 'the secret is not shown again').toBe(false);
  }

  await page.getByRole('button', { name: 'Disable' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await expect(page.getByRole('button', { name: 'Activate' })).toBeVisible();
  expect((await call('GET', `/v1/subscriptions/${made?.id}`))['status']).toBe('disabled');
});

/** Set when the text is in the document, in a field too. */
const shows = async (page: Page, text: string): Promise<boolean> => {
  for (const reveal of await page.getByRole('button', { name: /^(Show|Reveal)/ }).all()) await reveal.click();
  return page.evaluate((text) => document.body.innerText.includes(text) || [...document.querySelectorAll('input, textarea')].some((field) => (field as HTMLInputElement).value.includes(text)), text);
};

test('what a session may not do is not offered, and refused by the API', async ({ page, watch }) => {
  watch.allowFailedRequests();
  const call = caller(world().base, world().acme.key);
  const { deliveries, endpoints, events } = world().samples as Record<string, string>;
  const delivery = `/portal/deliveries/${encodeURIComponent(deliveries ?? '')}`;
  const endpoint = `/portal/endpoints/${endpoints}`;
  const offers: [capability: string, path: string, offered: (page: Page) => ReturnType<Page['locator']>, refused: [string, string, object?]][] = [
    ['retry', delivery, (page) => page.getByRole('button', { name: 'Retry' }), ['POST', `/v1/deliveries/${encodeURIComponent(deliveries ?? '')}/retry`]],
    ['endpoints.write', endpoint, (page) => page.getByRole('button', { name: 'Disable' }), ['POST', `/v1/subscriptions/${endpoints}/disable`]],
    ['endpoints.write', '/portal/endpoints', (page) => page.getByRole('link', { name: 'New endpoint' }), ['DELETE', `/v1/subscriptions/${endpoints}`]],
    ['test', endpoint, (page) => page.getByRole('tab', { name: 'Test' }), ['POST', `/v1/subscriptions/${endpoints}/test`, {}]],
    ['secrets.view', `${endpoint}?tab=signing`, (page) => page.getByRole('button', { name: 'Show' }), ['GET', `/v1/subscriptions/${endpoints}/secret`]],
    ['secrets.rotate', `${endpoint}?tab=signing`, (page) => page.getByRole('button', { name: 'Rotate' }), ['POST', `/v1/subscriptions/${endpoints}/rotate-secret`]],
    ['payloads', `/portal/events/${events}?tab=data`, (page) => page.getByText('ord_1'), ['GET', `/v1/events/${events}`]],
  ];
  await openPortal(page, call, { capabilities: ['view'] });
  for (const [capability, path, offered, [method, route, body]] of offers) {
    await page.goto(path);
    await loaded(page);
    await expect(offered(page), `${capability} is not offered`).toHaveCount(0);
    const { status, text } = await answer(page, method, route, body);
    // An event is shown to all, but without its data.
    expect(status, `${method} ${route} needs ${capability}`).toBe(capability === 'payloads' ? 200 : 403);
    expect(text, `${method} ${route} needs ${capability}`).not.toContain('ord_1');
  }
  await page.goto('/portal/endpoints/new');
  await expect(page.locator('main')).toContainText('endpoints.write');
  // The same places offer it to those who may.
  await openPortal(page, call, { capabilities: ['view', ...new Set(offers.map(([capability]) => capability))] });
  for (const [capability, path, offered] of offers) {
    await page.goto(path);
    await loaded(page);
    await expect(offered(page).first(), `${capability} is offered`).toBeVisible();
  }
});
