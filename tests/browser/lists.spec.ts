// What lists show and lead to: endpoints, dead letters made again, jobs in every state, an event as a whole, figures of a young gateway.
import type { Route } from '@playwright/test';
import { accessible, fits, LOOKS, withAxe } from './checks';
import { calm, expect, loaded, NARROW, signedIn, test, WIDE } from './fixtures';
import { eventually, tenant, world } from './world';

const json = (body: unknown) => ({ status: 200, contentType: 'application/json', body: JSON.stringify(body) });

const ID = '0198c0de-7000-7000-8000-00000000000';
const job = (number: number, more: object) => ({
  id: `job_${ID}${number}`,
  tenant: 'a-tenant-with-a-name-of-some-length',
  action: 'retry',
  filter: { status: 'dead', replayed: false, types: ['department.of.long.names.*'], subscription: `sub_${ID}9`, since: '2026-01-01T00:00:00Z' },
  state: 'running',
  by: 'operator',
  created: '2026-01-01T00:00:00Z',
  updated: '2026-01-01T00:00:00Z',
  looked_at: 1_234_567,
  matched: 1_234_567,
  changed: 1_234_567,
  skipped: 1_234_567,
  ...more,
});
const JOBS = [
  job(0, {}),
  job(1, { state: 'paused', error: { code: 'quota_exceeded', detail: 'The tenant’s quota `replays_per_minute` is used up; it goes on by itself.' } }),
  job(2, { state: 'done', action: 'recover', filter: { since: '2026-01-01T00:00:00Z' }, changed: 12 }),
  job(3, { state: 'cancelled', action: 'cancel', filter: { status: 'pending' }, changed: 3 }),
  job(4, { state: 'failed', action: 'disable', filter: { types: ['*'] }, changed: 0, error: { code: 'internal', detail: 'It failed.' } }),
  job(5, { state: 'running', filter: { status: 'pending' }, changed: 2 }),
];

for (const area of ['dashboard', 'portal'] as const) {
  test(`jobs of the ${area} fit a narrow screen in every state, and say what they did`, async ({ page }) => {
    await withAxe(page);
    await signedIn(page, area);
    await page.route(/\/v1\/(operator\/)?jobs/, (route) => route.fulfill(json({ data: area === 'dashboard' ? JOBS : JOBS.map(({ tenant: _, ...job }) => job), next_cursor: null })));
    await page.goto(`/${area}/jobs`);
    await loaded(page);
    const rows = page.locator('main tbody tr');
    const results = ['1,234,567 made again', '1,234,567 made again', '12 recovered', '3 cancelled', '0 disabled', '2 sent now'];
    for (const [index, result] of results.entries()) await expect(rows.nth(index)).toContainText(result);
    const tenants = area === 'dashboard' ? '&tenant=a-tenant-with-a-name-of-some-length' : '';
    const linked = [0, 1, 2].map((number) => `/${area}/deliveries?job=job_${ID}${number}${tenants}`);
    const hrefs = await rows.locator('.row-link').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    expect(hrefs, 'jobs that made deliveries lead to them, others nowhere').toEqual(linked);

    await page.setViewportSize(NARROW);
    await page.emulateMedia({ colorScheme: 'dark' });
    await calm(page);
    await fits(page, 'jobs');
    await accessible(page, 'jobs, dark and narrow', { rules: LOOKS });
    await expect(rows.first().getByRole('button', { name: 'Pause' })).toBeVisible();
    await expect(rows.nth(1).getByRole('button', { name: 'Resume' })).toBeVisible();
    await expect(rows.first(), 'the result is on a narrow screen too').toContainText('made again');
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'light' });
  });

  test(`deliveries of a job are listed in the ${area} until its chip is removed`, async ({ page }) => {
    await signedIn(page, area);
    const asked: (string | null)[] = [];
    await page.route(/\/v1\/(operator\/)?deliveries\?/, (route) => {
      const url = new URL(route.request().url());
      asked.push(url.searchParams.get('job'));
      url.searchParams.delete('job');
      return route.continue({ url: url.href });
    });
    await page.goto(`/${area}/deliveries?status=dead&job=job_${ID}0`);
    await loaded(page);
    const chip = page.locator('.filters .chip');
    await expect(chip).toContainText('of job job_0198…000000');
    expect(asked.every((job) => job === `job_${ID}0`), 'the list is the job’s').toBe(true);
    await expect(page.getByRole('button', { name: 'Retry all that match' }), 'no action on more than is shown').toHaveCount(0);
    await page.setViewportSize(NARROW);
    await expect(chip).toBeVisible();
    await fits(page, 'deliveries of a job');
    await page.setViewportSize(WIDE);
    await chip.getByRole('button').click();
    await expect(page).toHaveURL(new RegExp(`/${area}/deliveries\\?status=dead$`));
    await expect.poll(() => asked.at(-1)).toBe(null);
    await expect(chip).toHaveCount(0);
    await expect(page.getByRole('button', { name: 'Retry all that match' })).toBeVisible();
  });

  test(`lists of the ${area} show where deliveries go, without what may be secret`, async ({ page }) => {
    const { call } = await tenant(world().base, `addresses-${area}`);
    const host = world().receiver.replace('http://', '');
    await call('POST', '/v1/subscriptions', { url: `http://${host}/500/shown?token=hidden-4711`, events: ['*'], retry: { schedule: ['50ms'] } });
    await call('POST', '/v1/events', { type: 'order.paid', data: {} });
    await eventually('the delivery dies', async () => (await call<{ data: object[] }>('GET', '/v1/deliveries?status=dead')).data.length === 1);
    if (area === 'dashboard') await signedIn(page, area);
    else {
      const { url } = await call<{ url: string }>('POST', '/v1/portal-links', { capabilities: ['view', 'retry'] });
      const { pathname, hash } = new URL(url);
      await page.goto(`${pathname}${hash}`);
      await loaded(page);
    }
    for (const list of ['deliveries', 'dead-letters']) {
      await page.goto(`/${area}/${list}${area === 'dashboard' ? `?tenant=addresses-${area}` : ''}`);
      await loaded(page);
      const row = page.locator('main tbody tr');
      await expect(row).toHaveCount(1);
      await expect(row.getByTitle(`${host}/500/shown`), 'the address is whole in the title').toBeVisible();
      await expect(row).toContainText('/500/shown');
      await page.setViewportSize(NARROW);
      await expect(row.locator('.only-medium'), 'a narrow screen has it below the type').toBeVisible();
      await fits(page, list);
      await page.setViewportSize(WIDE);
      expect(await page.content(), list).not.toContain('hidden-4711');
    }
  });
}

test('an endpoint whose address is not known is shown by the beginning and the end of its id', async ({ page, watch }) => {
  watch.allowFailedRequests();
  await signedIn(page, 'dashboard');
  await page.route(/\/v1\/subscriptions\?/, (route) => route.abort('connectionrefused'));
  await page.goto('/dashboard/deliveries?tenant=acme');
  await loaded(page);
  const ids = await page.locator('main tbody td:nth-child(6)').allTextContents();
  expect(ids.length).toBeGreaterThan(0);
  for (const id of ids) expect(id).toMatch(/^sub_\w+…\w+$/);
});

test('dead letters are the open ones unless others are asked for, and so is what is retried', async ({ page }) => {
  const { call } = await tenant(world().base, 'again');
  const path = '/500/again';
  await call('POST', '/v1/subscriptions', { url: `${world().receiver}${path}`, events: ['*'], retry: { schedule: ['50ms'] } });
  for (const type of ['order.paid', 'order.shipped']) await call('POST', '/v1/events', { type, data: {} });
  type Rows = { data: { id: string; type: string }[] };
  const dead = await eventually('the deliveries die', async () => {
    const { data } = await call<Rows>('GET', '/v1/deliveries?status=dead');
    return data.length === 2 && data;
  });
  await fetch(`${world().receiver}/becomes${path}`, { method: 'PUT', body: '200' });
  await call('POST', `/v1/deliveries/${encodeURIComponent(dead.find(({ type }) => type === 'order.paid')?.id ?? '')}/retry`);
  await signedIn(page, 'dashboard');
  await page.goto('/dashboard/dead-letters?tenant=again');
  await loaded(page);
  const rows = page.locator('main tbody tr');
  const state = page.getByLabel('State');
  await expect(state).toHaveValue('false');
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText('order.shipped');
  const dialog = page.getByRole('dialog');
  const matching = async (text: string, filter: RegExp) => {
    await page.getByRole('button', { name: 'Retry all that match' }).click();
    await expect(dialog).toContainText(text);
    await expect(dialog).toContainText(filter);
    await page.keyboard.press('Escape');
    await expect(dialog).toHaveCount(0);
  };
  await matching('1 delivery matches now', /dead · open · tenant again/);
  await state.selectOption('Made again');
  await expect(page).toHaveURL(/replayed=true/);
  await expect(rows).toContainText('order.paid');
  await expect(rows.getByRole('link', { name: 'made again' })).toBeVisible();
  await matching('1 delivery matches now', /dead · made again · tenant again/);
  await state.selectOption('All');
  await expect(rows).toHaveCount(2);
  await matching('2 deliveries match now', /dead · tenant again/);
  await page.reload();
  await loaded(page);
  await expect(state, 'the filter is in the address').toHaveValue('any');
  await state.selectOption('Open');
  await expect(page).toHaveURL(/dead-letters\?tenant=again$/);
  await expect(rows).toHaveCount(1);

  // The dialog ends with a way to the deliveries that the job makes.
  await page.getByRole('button', { name: 'Retry all that match' }).click();
  await dialog.getByRole('button', { name: 'Retry them' }).click();
  const see = dialog.getByRole('link', { name: 'See how they fare' });
  await expect(see).toHaveAttribute('href', /^\/dashboard\/deliveries\?job=[^&]+&tenant=again$/);
  await dialog.getByRole('link', { name: 'Jobs' }).click();
  await expect(page).toHaveURL(/\/dashboard\/jobs$/);
  await expect(dialog).toHaveCount(0);
});

test('an event begins with what became of it as a whole', async ({ page }) => {
  await signedIn(page, 'dashboard');
  await page.goto('/dashboard/events?tenant=acme');
  await loaded(page);
  await page.locator('.row-link').first().click();
  await loaded(page);
  await expect(page.getByRole('tab', { selected: true })).toHaveText('Overview');
  const main = page.locator('main');
  await expect(main.locator('.rail')).toContainText('Accepted');
  await expect(main.locator('.rail')).toContainText('Changed by redact');
  await expect(main.getByRole('table', { name: 'Deliveries of the event' })).toBeVisible();
  expect(await main.locator('.crumbs').evaluate((crumbs) => crumbs.lastElementChild?.tagName), 'the way back does not end in an arrow').toBe('A');
  await page.getByRole('tab', { name: 'Data' }).click();
  await main.getByRole('link', { name: 'What the chain changed' }).click();
  await expect(page.getByRole('tab', { selected: true })).toContainText('Chain');
  await expect(main, 'the settings name what was removed').not.toContainText('stands for a key');
});

test('the sign for keys is explained where a report has one', async ({ page }) => {
  await signedIn(page, 'portal');
  await page.route(/\/v1\/events\/[^?]+$/, async (route: Route) => {
    const response = await route.fetch();
    const event = (await response.json()) as { steps: { changed: string[] }[] };
    for (const step of event.steps) step.changed = ['/card/*'];
    await route.fulfill({ response, json: event });
  });
  await page.goto(`/portal/events/${world().samples['events']}?tab=chain`);
  await loaded(page);
  await expect(page.locator('main')).toContainText('* stands for a key');
});

test('the overview counts over the time that it knows, and says where it knows nothing', async ({ page }) => {
  const MINUTE = 60_000;
  let answer: (minutes: number) => { accepted: number; pending: number | null };
  await page.route(/\/v1\/operator\/metrics\/series/, (route) => {
    const last = Math.floor(Date.now() / MINUTE) * MINUTE;
    const times = Array.from({ length: 60 }, (_, index) => last - (59 - index) * MINUTE);
    const each = times.map((at) => answer((last - at) / MINUTE));
    const accepted = each.map((one) => one.accepted);
    const none = each.map(() => 0);
    return route.fulfill(json({ step: '1m', times: times.map((at) => new Date(at).toISOString()), series: [{ key: 'all', values: { accepted, delivered: none, failed: none, dead: none, pending: each.map((one) => one.pending) } }] }));
  });
  await signedIn(page, 'dashboard');
  const tile = (label: string) => page.locator('.tile').filter({ hasText: label });
  const opened = async () => {
    await page.goto('/dashboard/overview');
    await loaded(page);
  };
  answer = () => ({ accepted: 0, pending: null });
  await opened();
  for (const label of ['Events in', 'Delivered', 'Failed attempts', 'Dead letters', 'Pending']) await expect(tile(label)).toContainText('no data yet');
  await expect(tile('Events in')).not.toContainText('0');

  // A gateway that began within the minute before the last whole one.
  answer = (ago) => (ago > 2 ? { accepted: 0, pending: null } : { accepted: [7, 40, 5][ago] ?? 0, pending: 1 });
  await opened();
  await expect(tile('Events in').locator('dd').first(), 'the minute that runs counts').toHaveText('52');
  await expect(tile('Events in'), 'but has no rate').toContainText('40 a minute');
  await expect(tile('Pending now')).toContainText('delivery that has not ended');

  answer = (ago) => (ago > 0 ? { accepted: 0, pending: null } : { accepted: 3, pending: 0 });
  await opened();
  await expect(tile('Events in')).toContainText('no whole minute yet');
});

test('lists fit wherever a column appears or goes', async ({ page }) => {
  await signedIn(page, 'dashboard');
  for (const list of ['deliveries', 'dead-letters', 'attempts', 'events', 'jobs']) {
    await page.goto(`/dashboard/${list}?tenant=acme`);
    await loaded(page);
    for (const width of [375, 720, 721, 820, 821, 1000, 1100, 1279, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      await fits(page, `${list} at ${width} px`);
    }
    await page.setViewportSize(WIDE);
  }
});
