import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

// The shell is the same browser without windows, and needs half the time.
const browser = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((file) => existsSync(file));

/** Milliseconds: bounds of what has failed, not claims about speed. */
const MINUTE = 60_000;

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  timeout: 4 * MINUTE,
  globalTimeout: 20 * MINUTE,
  expect: { timeout: MINUTE },
  globalSetup: './world.ts',
  reporter: [['line']],
  outputDir: join(process.env['HOOKGATE_BROWSER_OUTPUT'] ?? tmpdir(), 'hookgate-browser'),
  use: {
    browserName: 'chromium',
    launchOptions: {
      ...(browser ? { executablePath: browser } : {}),
      // The tests run as root in containers, where the browser's own sandbox cannot be made.
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    },
  },
});
