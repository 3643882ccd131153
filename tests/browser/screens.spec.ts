// Every screen: with data, loading, empty, refused, cut off, with 10,000 rows, narrow, dark, by keyboard.
import type { Page, Route } from '@playwright/test';
import { accessible, fits, tabThrough, unreached, withAxe } from './checks';
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
        if (check === fails || check === keys) watch.allowFailedRequests();
        await check(page, screen);
        await page.unrouteAll({ behavior: 'ignoreErrors' });
      });
    }
  });
}

async function looks(page: Page, screen: Screen): Promise<void> {
  await page.goto(address(screen));
  await loaded(page);
  await expect(page.locator('h1')).toHaveCount(1);
  await expect(page).toHaveTitle(/^.+ · hookgate$/);
  await expect(page.getByRole('alert'), 'no problem with data').toHaveCount(0);
  if (screen.nav) await expect(page.locator('#side [aria-current=page]')).toHaveText(screen.nav);
  const tabs = page.getByRole('tab');
  for (let tab = 0; tab < Math.max(1, await tabs.count()); tab += 1) {
    const name = `tab ${tab + 1}`;
    if (tab > 0) await tabs.nth(tab).click();
    await loaded(page);
    await accessible(page, `light, ${name}`);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize(NARROW);
    await calm(page);
    await fits(page, `${NARROW.width} px, ${name}`);
    await accessible(page, `dark and narrow, ${name}`);
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
    await expect(page.locator('main .skeleton, main [aria-busy=true], main .bone, main [role=status]').first(), 'shows that it loads').toBeVisible();
    await accessible(page, 'loading');
  }
  release();
  await loaded(page);
  await expect(page.locator('main tbody tr'), 'an empty list has no row').toHaveCount(0);
  await expect(page.getByRole('alert'), 'an empty list is no problem').toHaveCount(0);
  await accessible(page, 'empty');
}

/** The gateway's own answer with its lists emptied. */
async function empty(route: Route): Promise<void> {
  await changed(route, (value) => (Array.isArray(value) ? [] : value));
}

/** Answers with what the gateway answered, each part of it passed through `change`. A stream passes as it is. */
async function changed(route: Route, change: (value: unknown, key: string) => unknown): Promise<void> {
  const request = route.request();
  if (request.method() !== 'GET' || /\/v1\/(tail|session)/.test(request.url())) return route.continue();
  try {
    const response = await route.fetch();
    if (!response.headers()['content-type']?.includes('json')) return await route.fulfill({ response });
    await route.fulfill({ response, json: JSON.parse(await response.text(), (key, value) => change(value, key)) });
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
    await expect(page.getByRole('alert').first(), `says what is wrong: ${name}`).toBeVisible();
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
  expect(stops[0]?.label, 'the first stop leads past the navigation').toBe('a Skip to content');
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
      await accessible(page, `dialog of ${name}`);
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

async function rows(page: Page, screen: Screen): Promise<void> {
  const total = 10_000;
  let multiplied = false;
  await page.route(API, (route) =>
    changed(route, (value, key) => {
      if (key !== 'data' || !Array.isArray(value) || value.length === 0 || typeof value[0] !== 'object') return value;
      multiplied = true;
      return Array.from({ length: total }, (_, index) => ({ ...value[index % value.length], id: `${value[index % value.length].id}${index}` }));
    }),
  );
  await page.goto(address(screen));
  await loaded(page);
  if (!multiplied) return;
  const elements = await page.evaluate(() => document.querySelectorAll('*').length);
  expect(elements, 'what is not seen is not in the document').toBeLessThan(20_000);
  const table = page.locator(`main table[aria-rowcount="${total + 1}"]`).first();
  if ((await table.count()) === 0) return;
  await expect(table.locator('[aria-rowindex="2"]')).toBeVisible();
  await table.evaluate((element) => element.scrollIntoView({ block: 'end' }));
  await expect(table.locator(`[aria-rowindex="${total + 1}"]`), 'the last row is reached').toBeVisible();
  await expect(table.locator('[aria-rowindex="2"]')).toHaveCount(0);
}
