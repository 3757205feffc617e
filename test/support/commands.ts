/** Programs that a test needs and a machine may lack: skipped with a reason, or, where it is demanded, failed. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a machine lacks, in words; null when it has it. `variable`=1 turns a lack into a failure. */
async function lack(what: string, variable: string, found: () => Promise<unknown>): Promise<string | null> {
  try {
    await found();
    return null;
  } catch {
    const reason = `${what} is not on this machine`;
    if (process.env[variable] === '1') throw new Error(`${reason}, and ${variable}=1 demands it.`);
    console.warn(`Skipped: ${reason}. ${variable}=1 makes this a failure.`);
    return reason;
  }
}

/** Why the Python sample cannot run here; null when it can. @throws {Error} under REQUIRE_PYTHON=1. */
export function withoutPython(): Promise<string | null> {
  return lack('Python 3 with requests', 'REQUIRE_PYTHON', () => run('python3', ['-c', 'import requests']));
}

/** Why the sample for the shell cannot run here; null when it can. @throws {Error} under REQUIRE_CURL=1. */
export function withoutCurl(): Promise<string | null> {
  return lack('curl', 'REQUIRE_CURL', () => run('curl', ['--version']));
}

/** Debian's build without windows, which opens a page at a third of the cost; and the whole, as Ubuntu has it too. */
const [HEADLESS, WHOLE] = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

/** The browser of the tests. */
export const CHROMIUM = process.env.CHROMIUM_PATH ?? (existsSync(HEADLESS) ? HEADLESS : WHOLE);

/** Why no browser can be opened here; null when one can. @throws {Error} under REQUIRE_BROWSER=1. */
export function withoutBrowser(): Promise<string | null> {
  // Asked for its version, since a file of that name may be a stub that only says how to install it.
  return lack(`A browser (${CHROMIUM})`, 'REQUIRE_BROWSER', () => run(CHROMIUM, ['--version']));
}
