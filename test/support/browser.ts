/** A real browser for tests, on machines that have one. See `withoutBrowser`. */

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { CHROMIUM } from './commands.ts';

/** How long a page may take to show what a test waits for, in ms: it may be a whole render, on a busy machine. */
const PATIENCE_MS = 110_000;

/** Opens Chromium without a window. Whoever opens it closes it. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      // Tests run as root in containers, where Chromium's sandbox does not start.
      '--no-sandbox',
      '--disable-gpu',
      // It must ask nobody but the test for anything.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  browser.on('context', (context) => context.setDefaultTimeout(PATIENCE_MS));
  return browser;
}

/** What came of a visit. */
export interface Visit<T> {
  readonly seen: T;
  /** The address of every request. */
  readonly requests: readonly string[];
  /** What the browser had to say, and what its scripts threw. */
  readonly complaints: readonly string[];
}

/** Opens a page in a context of its own, lets `look` look at it, and closes it. */
export async function visit<T>(
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
  look: (tab: Page) => Promise<T>,
): Promise<Visit<T>> {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  tab.on('request', (request) => requests.push(request.url()));
  tab.on('console', (message) => complaints.push(message.text()));
  tab.on('pageerror', (problem) => complaints.push(problem.message));
  await tab.goto(url);
  const seen = await look(tab);
  await context.close();
  return { seen, requests, complaints };
}
