// Takes the pictures of README from the demo, for gateway/ui/pictures. Usage: node pictures.mjs BINARY FOLDER
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from '@playwright/test';

const [binary, folder] = process.argv.slice(2);
/** Bytes: a clone of the repository carries each picture that ever was. */
const LARGEST = 200_000;
/** Minutes with traffic before the charts are worth a picture. */
const MINUTES = 4;

const demo = spawn(binary, ['demo'], { stdio: ['pipe', 'pipe', 'inherit'] });
let browser;
try {
  const link = await new Promise((resolve, reject) => {
    createInterface({ input: demo.stdout }).on('line', (line) => {
      const found = /(http:\S+\/dashboard#code=\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
    demo.once('exit', (code) => reject(new Error(`the demo ended with ${code}`)));
  });
  const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((file) => existsSync(file));
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', timezoneId: 'UTC' });
  await page.goto(link);
  await page.locator('main h1').waitFor();
  const { token } = JSON.parse(await page.evaluate(() => sessionStorage.getItem('hookgate.dashboard')));
  const { origin } = new URL(link);
  const api = async (path, tenant) => {
    const headers = { authorization: `Bearer ${token}`, ...(tenant ? { 'hookgate-tenant': tenant } : {}) };
    const answer = await fetch(origin + path, { headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const [{ id: tenant }] = (await api('/v1/tenants')).data;
  for (;;) {
    const { series } = await api('/v1/metrics/series?measure=attempts&step=1m', tenant);
    if ((series[0]?.values.attempts ?? []).filter((count) => count > 0).length >= MINUTES) break;
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
  // The delivery that took the most attempts is the one to look at.
  const { data } = await api('/v1/operator/deliveries?limit=500');
  const tried = data.sort((a, b) => b.attempts - a.attempts)[0];
  await take(page, `${origin}/dashboard`, 'dashboard.png', 'light');
  await take(page, `${origin}/dashboard/tenants/${tenant}/deliveries/${encodeURIComponent(tried.id)}`, 'delivery.png', 'dark');
} finally {
  await browser?.close();
  demo.kill('SIGINT');
}

async function take(page, url, name, colorScheme) {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.goto(url);
  await page.locator('main h1').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.skeleton, .bone, [aria-busy=true]').length === 0);
  await page.waitForLoadState('networkidle').catch(() => null);
  const path = join(folder, name);
  await page.screenshot({ path });
  const { size } = statSync(path);
  console.log(`${path}: ${size} bytes`);
  if (size > LARGEST) throw new Error(`${name} has more than ${LARGEST} bytes`);
}
