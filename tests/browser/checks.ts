// Checks that hold for every screen.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';
import { calm } from './fixtures';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Makes axe part of the page before its own scripts: the content security policy forbids it later. */
export const withAxe = (page: Page): Promise<unknown> => page.addInitScript(axe);

/** Rules whose outcome depends on colours and sizes: all that another theme or a narrower window can break. */
export const LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block'];

export type Part = { within?: string; rules?: string[] };

/** No violation of any of axe's rules, best practices included; `within` a part of the page, or of some `rules` only. */
export async function accessible(page: Page, what: string, { within, rules }: Part = {}): Promise<void> {
  await calm(page);
  const violations = await page.evaluate(
    async ({ within, rules }) => {
      const options = { resultTypes: ['violations'], preload: false, ...(rules ? { runOnly: rules } : {}) };
      const { violations } = await (window as any).axe.run(within ?? document, options);
      return violations.map((one: any) => `${one.id}: ${one.help}\n` + one.nodes.slice(0, 5).map((node: any) => `    ${node.target.join(' ')}\n      ${node.failureSummary.replaceAll('\n', ' ')}`).join('\n'));
    },
    { within, rules },
  );
  expect(violations.join('\n'), `axe, ${what}`).toBe('');
}

/** Nothing is wider than the window: neither the document, nor a part of it that its own box does not scroll or cut. No table is wider than its card. */
export async function fits(page: Page, what: string): Promise<void> {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const found = [];
    if (document.documentElement.scrollWidth > width) found.push(`the document: ${document.documentElement.scrollWidth} of ${width} pixels`);
    const held = (element: Element): boolean => {
      for (let at = element.parentElement; at && at.tagName !== 'MAIN' && at !== document.body; at = at.parentElement) {
        const { overflowX } = getComputedStyle(at);
        if (overflowX !== 'visible' && at.getBoundingClientRect().right <= width + 1) return true;
      }
      return false;
    };
    for (const element of document.querySelectorAll('main *, dialog[open] *')) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0 || box.right <= width + 1 || element.closest('.sr-only, svg *') || held(element)) continue;
      found.push(`${element.tagName.toLowerCase()}.${element.getAttribute('class')}: ${(element.textContent ?? '').slice(0, 40)} ends at ${Math.round(box.right)}`);
    }
    for (const table of document.querySelectorAll('main .table-box > .table')) {
      const past = table.getBoundingClientRect().right - (table.parentElement?.getBoundingClientRect().right ?? 0);
      if (past > 1) found.push(`the table ${table.getAttribute('aria-label')} is ${Math.round(past)} pixels wider than its card`);
    }
    return found.slice(0, 10);
  });
  expect(wide, `no scrolling sideways, ${what}`).toEqual([]);
}

export type Stop = { label: string; key: string; visible: boolean };

/** Presses Tab until the focus has been everywhere, and gives where it stopped. */
export async function tabThrough(page: Page, most: number): Promise<Stop[]> {
  const stops: Stop[] = [];
  // From wherever the focus is to the end, and from the beginning.
  let wrapped = false;
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return null;
      const numbered = at as HTMLElement & { hookgateStop?: number };
      const counter = window as unknown as { hookgateStops?: number };
      const seen = numbered.hookgateStop !== undefined;
      numbered.hookgateStop ??= counter.hookgateStops = (counter.hookgateStops ?? 0) + 1;
      // The ring is on the element, on its pseudo-element, or on the box around it.
      const drawn = (style: CSSStyleDeclaration) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
      const box = at.getBoundingClientRect();
      const visible = box.width > 0 && box.height > 0 && (drawn(getComputedStyle(at)) || drawn(getComputedStyle(at, '::after')) || drawn(getComputedStyle(at, '::before')));
      const label = at.getAttribute('aria-label') ?? (at.textContent?.trim() || at.getAttribute('placeholder') || at.getAttribute('name') || at.id);
      return { label: `${at.tagName.toLowerCase()} ${label.slice(0, 60)}`, key: String(numbered.hookgateStop), visible, seen };
    });
    if (stop === null && !wrapped) wrapped = true;
    else if (stop === null || stop.seen) break;
    else stops.push(stop);
  }
  return stops;
}

/** What can be reached by the pointer but was not reached by Tab. Parts with one stop for many (tabs, rows) count by their one. */
export const unreached = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found = [];
    for (const element of document.querySelectorAll<HTMLElement & { hookgateStop?: number }>('a[href], button, input, select, textarea, summary, [tabindex="0"]')) {
      if (element.hookgateStop !== undefined || (element as HTMLButtonElement).disabled) continue;
      if (element.tabIndex < 0 && element.matches('[role=tab], [role=option], [role=menuitem], [role=treeitem]')) continue;
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      if (element.matches('input[type=radio]') && !(element as unknown as HTMLInputElement).checked) continue;
      found.push(`${element.tagName.toLowerCase()} ${element.getAttribute('aria-label') ?? element.textContent?.slice(0, 60)}`);
    }
    return found;
  });
