// The page of a test, which fails where anything breaks a rule that holds everywhere: an error in the console, an uncaught exception, a violation of
// the content security policy, a request to another origin.
import { type BrowserContext, type ConsoleMessage, test as base, expect, type Page } from '@playwright/test';
import { world } from './world';

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 375, height: 740 };

export type Area = 'dashboard' | 'portal';

/** Rules that are loosened: the browser reports each failed request as an error of the console. */
type Watch = { allowFailedRequests: () => void; /** A further gateway, whose pages are looked at. */ allow: (base: string) => void };

export const test = base.extend<{ watch: Watch }, { shared: BrowserContext }>({
  // One for all tests of a worker: its cache has the compiled scripts. Each test has a tab, and with it a session, of its own.
  shared: [
    async ({ browser }, use) => {
      const context = await browser.newContext({ baseURL: world().base, reducedMotion: 'reduce', viewport: WIDE });
      await use(context);
      await context.close();
    },
    { scope: 'worker' },
  ],
  page: async ({ shared }, use) => {
    const page = await shared.newPage();
    await use(page);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.close();
  },
  watch: [
    async ({ page }, use) => {
      const bases = [world().base];
      const found: string[] = [];
      let failures = false;
      page.on('console', (message: ConsoleMessage) => {
        if (message.type() !== 'error' && message.type() !== 'warning') return;
        if (failures && message.text().startsWith('Failed to load resource')) return;
        found.push(`${message.type()} of the console: ${message.text()} ${message.location().url}`);
      });
      page.on('pageerror', (error) => found.push(`uncaught: ${error.stack ?? error.message}`));
      page.on('request', (request) => {
        const url = request.url();
        if (!bases.some((base) => url.startsWith(`${base}/`)) && !/^(data|blob|about):/.test(url)) found.push(`a request to another origin: ${url}`);
      });
      await page.exposeFunction('hookgateViolated', (what: string) => found.push(`the content security policy: ${what}`));
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
          (window as any).hookgateViolated(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
        });
      });
      await use({ allowFailedRequests: () => (failures = true), allow: (base) => bases.push(base) });
      expect([...new Set(found)], 'rules that hold for every page').toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

export const CAPABILITIES = ['view', 'payloads', 'secrets.view', 'secrets.rotate', 'endpoints.write', 'retry', 'test', 'chain.write'];

/** Signs in without the page of it, as a reload of a signed-in tab does. */
export async function signedIn(page: Page, area: Area, capabilities: string[] = CAPABILITIES): Promise<void> {
  const { operatorKey, acme } = world();
  const session = { token: area === 'dashboard' ? operatorKey : acme.key, kind: area, tenant: area === 'dashboard' ? null : 'acme', capabilities, types: null, expires: null };
  await page.addInitScript(([name, text]) => sessionStorage.setItem(name as string, text as string), [`hookgate.${area}`, JSON.stringify(session)]);
}

/** Waits until a screen shows what it loaded. */
export async function loaded(page: Page): Promise<void> {
  await expect(page.locator('main h1')).toBeVisible();
  await expect(page.locator('.skeleton, [aria-busy=true], .bone')).toHaveCount(0);
  await calm(page);
}

/** Waits until nothing moves: colours in transition are nobody's colours. */
export async function calm(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await Promise.all([...document.querySelectorAll('link[rel=stylesheet]')].map((link) => (link as HTMLLinkElement).sheet ?? new Promise((done) => link.addEventListener('load', done, { once: true }))));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await Promise.all(document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity).map((one) => one.finished.catch(() => null)));
  });
}
