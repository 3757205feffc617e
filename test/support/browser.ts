/** A real browser for tests, on machines that have one. See `withoutBrowser`. */

import { type Browser, chromium } from 'playwright-core';
import { CHROMIUM } from './commands.ts';

/** Opens Chromium without a window. Whoever opens it closes it. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
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
}
