// Every screen: with data, loading, empty, refused, cut off, with 10,000 rows, narrow, dark, by keyboard.
import type { Page, Route } from '@playwright/test';
import { accessible, fits, LOOKS, tabThrough, unreached, withAxe } from './checks';
import { calm, expect, loaded, NARROW, signedIn, test, WIDE } from './fixtures';
import { address, type Screen, screens } from './screens';

const API = /\/v1\//;

for (const screen of screens) {
  // One tab for all of them: a new one costs more than what is tested.
  test(`${screen.area} ${screen.path}`, async ({ page, watch }) => {
    await withAxe(page);
    await signedIn(page, screen.area);
    for (const [name, check] of Object.entries({ 'light, dark, narrow': looks, 'loading, empty': waits, '10,000 rows': rows, 'by keyboard': keys, 'without an answer': fails })) {
      await test.step(name, async () => {
        // What is made up here is not known to the gateway.
        if (check !== looks && check !== waits) watch.allowFailedRequests();
        await check(page, screen);
        await page.unrouteAll({ behavior: 'ignoreErrors' });
      });
    }
  });
}

/** Screens that showed rows. */
const lists = new Set<Screen>();

async function looks(page: Page, screen: Screen): Promise<void> {
  await page.goto(address(screen));
  await loaded(page);
  await expect(page.locator('h1')).toHaveCount(1);
  await expect(page).toHaveTitle(/^.+ · hookgate$/);
  await expect(page.getByRole('alert'), 'no problem with data').toHaveCount(0);
  if (screen.nav) await expect(page.locator('#side [aria-current=page]')).toHaveText(screen.nav);
  if ((await page.locator('main .row-link').count()) > 0) lists.add(screen);
  const tabs = page.getByRole('tab');
  for (let tab = 0; tab < Math.max(1, await tabs.count()); tab += 1) {
    const name = `tab ${tab + 1}`;
    if (tab > 0) await tabs.nth(tab).click();
    await loaded(page);
    const within = tab > 0 ? '[role=tabpanel]' : undefined;
    await accessible(page, `light, ${name}`, { within });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize(NARROW);
    await calm(page);
    await fits(page, `${NARROW.width} px, ${name}`);
    await accessible(page, `dark and narrow, ${name}`, { within, rules: LOOKS });
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'light' });
  }
}

async function waits(page: Page, screen: Screen): Promise<void> {
  // Held back until the screen has shown that it waits.
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let asked = 0;
  await page.route(API, async (route) => {
    asked += 1;
    await released;
    await empty(route);
  });
  await page.goto(address(screen));
  await expect(page.locator('main h1, main .skeleton').first()).toBeVisible();
  await page.evaluate(() => document.fonts.ready);
  if (asked > 0) {
    // A form is there at once, and what it offers to choose from comes later.
    await expect(page.locator('main .skeleton, main [aria-busy=true], main .bone, main [role=status], main form:not([role=search])').first(), 'shows that it loads').toBeVisible();
    await accessible(page, 'loading');
  }
  release();
  await loaded(page);
  await expect(page.locator('main .row-link'), 'an empty list has no row').toHaveCount(0);
  if (lists.has(screen)) await expect(page.locator('main .empty').first(), 'an empty list says so').toBeVisible();
  await expect(page.getByRole('alert'), 'an empty list is no problem').toHaveCount(0);
  await accessible(page, 'empty');
}

/** The gateway's own answer with its lists emptied. */
async function empty(route: Route): Promise<void> {
  await changed(route, (value) => (Array.isArray(value) ? [] : value));
}

/** Answers with what the gateway answered, each part of it passed through `change`. A stream passes as it is. */
async function changed(route: Route, change: (value: unknown) => unknown, notOurs?: RegExp): Promise<void> {
  const request = route.request();
  if (request.method() !== 'GET' || /\/v1\/(tail|session)/.test(request.url())) return route.continue();
  try {
    // A cursor that was made up here is asked for as the first page.
    const response = await route.fetch(notOurs ? { url: request.url().replace(notOurs, '') } : {});
    if (!response.headers()['content-type']?.includes('json')) return await route.fulfill({ response });
    await route.fulfill({ response, json: JSON.parse(await response.text(), (_, value) => change(value)) });
  } catch (cause) {
    // The page has gone on and no longer waits for this answer.
    if (!/closed|disposed|aborted|Target|already handled|Invalid InterceptionId/i.test(String(cause))) throw cause;
  }
}

const REFUSALS: [string, (route: Route) => Promise<void>][] = [
  ['500', (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'broken' })],
  ['403', (route) => route.fulfill(problem(403, 'forbidden', 'no'))],
  ['429', (route) => route.fulfill({ ...problem(429, 'tenant_busy', 'safe'), headers: { 'retry-after': '600' } })],
  ['no connection', (route) => route.abort('connectionrefused')],
];

const problem = (status: number, code: string, retry: string) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ type: `/docs/errors/${code}`, title: `Refused with ${status}`, status, code, detail: 'The `test` refuses it.', fix: 'End the test.', retry }),
});

async function fails(page: Page, screen: Screen): Promise<void> {
  let refuse: (route: Route) => Promise<void> = (route) => route.continue();
  let asked = 0;
  await page.route(API, (route) => ((asked += 1), refuse(route)));
  for (const [name, refusal] of REFUSALS) {
    refuse = refusal;
    asked = 0;
    await page.goto(address(screen));
    await loaded(page);
    if (asked === 0) return;
    // A form that can be filled in without what it offers to choose from is no failure.
    await expect(page.locator('main [role=alert], main form:not([role=search])').first(), `says what is wrong: ${name}`).toBeVisible();
    await expect(page.locator('#side'), 'the frame stays').toBeVisible();
    if (name === '403') await accessible(page, 'refused');
  }
}

async function keys(page: Page, screen: Screen): Promise<void> {
  // Short lists, and nothing is changed by what is pressed here.
  await page.route(API, async (route) => {
    if (route.request().method() !== 'GET') return route.fulfill(problem(422, 'invalid', 'no'));
    await changed(route, (value) => (Array.isArray(value) ? value.slice(0, 3) : value));
  });
  await page.goto(address(screen));
  await loaded(page);
  const stops = await tabThrough(page, 300);
  const labels = stops.map((stop) => stop.label);
  expect(labels, 'a stop leads past the navigation').toContain('a Skip to content');
  expect(await page.evaluate(() => document.querySelector('a[href], button')?.textContent), 'and is the first').toBe('Skip to content');
  expect(stops.filter((stop) => !stop.visible).map((stop) => stop.label), 'the focus is seen everywhere').toEqual([]);
  expect(await unreached(page), 'Tab reaches everything').toEqual([]);

  // Each button of the screen, pressed by Enter: where it opens a dialog, Escape closes it and gives the focus back.
  const buttons = page.locator('main button:not(.copy, :disabled, [type=submit], [role=tab])');
  const pressed = new Set<string>();
  for (let index = 0; index < (await buttons.count()); index += 1) {
    const button = buttons.nth(index);
    const name = ((await button.getAttribute('aria-label')) ?? (await button.textContent()) ?? '').trim();
    if (pressed.has(name) || !(await button.isVisible())) continue;
    pressed.add(name);
    await button.focus();
    await page.keyboard.press('Enter');
    await calm(page);
    const dialog = page.locator('dialog[open]');
    if ((await dialog.count()) > 0) {
      await accessible(page, `dialog of ${name}`, { within: 'dialog[open]' });
      expect(await dialog.evaluate((element) => element.contains(document.activeElement)), `the dialog of ${name} has the focus`).toBe(true);
      await page.setViewportSize(NARROW);
      await fits(page, `dialog of ${name}`);
      await page.setViewportSize(WIDE);
      await page.keyboard.press('Escape');
      await expect(dialog, `Escape closes the dialog of ${name}`).toHaveCount(0);
      await expect(button, `the focus is back at ${name}`).toBeFocused();
    } else {
      await page.keyboard.press('Escape');
    }
    if (!page.url().includes(address(screen))) {
      await page.goto(address(screen));
      await loaded(page);
    }
  }
}

const TOTAL = 10_000;

/** Lists as they are with 10,000 rows: by pages where a request has a limit, else all of them at once. */
async function rows(page: Page, screen: Screen): Promise<void> {
  let most = 0;
  let pages = 0;
  await page.route(API, (route) => {
    const { searchParams } = new URL(route.request().url());
    const from = Number(searchParams.get('cursor') ?? 0);
    const to = Math.min(TOTAL, from + Number(searchParams.get('limit') ?? TOTAL));
    return changed(route, (value) => {
      if (!isList(value)) return value;
      const { data } = value;
      most = Math.max(most, to - from);
      pages += 1;
      const made = Array.from({ length: to - from }, (_, index) => numbered(data[(from + index) % data.length] ?? {}, from + index));
      return { ...value, data: made, next_cursor: to < TOTAL ? String(to) : null, previous_cursor: null };
    }, /[?&]cursor=\d+/);
  });
  await page.goto(address(screen));
  await loaded(page);
  if (pages === 0) return;
  expect(await page.evaluate(() => document.querySelectorAll('*').length), 'what is not seen is not in the document').toBeLessThan(20_000);
  const older = page.getByRole('button', { name: 'Older' }).first();
  if (await older.isVisible()) {
    for (let turn = 1; turn <= 2; turn += 1) {
      const before = page.url();
      await older.click();
      await expect(page).not.toHaveURL(before);
      await loaded(page);
      await expect(page.locator('main tbody tr').first()).toBeVisible();
    }
    await page.goBack();
    await expect(page, 'the way back is a page').toHaveURL(/cursor=/);
    await page.getByRole('button', { name: 'Newest' }).first().click();
    await expect(page).not.toHaveURL(/cursor=/);
    await loaded(page);
  }
  const table = page.locator(`main table[aria-rowcount="${TOTAL + 1}"]`).first();
  if ((await table.count()) === 0) return;
  await expect(table.locator('[aria-rowindex="2"]')).toBeVisible();
  await table.evaluate((element) => element.scrollIntoView({ block: 'end' }));
  await expect(table.locator(`[aria-rowindex="${TOTAL + 1}"]`), 'the last row is reached').toBeVisible();
  await expect(table.locator('[aria-rowindex="2"]')).toHaveCount(0);
}

const isList = (value: unknown): value is { data: Record<string, unknown>[] } =>
  typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data) && value.data.length > 0 && typeof value.data[0] === 'object';

/** The row with ids of its own. */
function numbered(row: Record<string, unknown>, index: number): Record<string, unknown> {
  const names = ['id', 'delivery', 'event', 'type'].filter((name) => typeof row[name] === 'string');
  const name = names.includes('id') ? 'id' : names[0];
  return name === undefined ? row : { ...row, [name]: `${row[name]}${index}` };
}
