/** The published verifier in Chromium, over all vectors. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUNDLE_FILE } from '../../src/client/build.ts';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { VECTORS } from '../support/webhook-vectors.ts';

const PAGE = `<!doctype html><title>Receiver</title>
<script type="module">
  import { verifyWebhook } from '/webhooks.js';
  globalThis.verifyWebhook = verifyWebhook;
</script>`;

/** What the page has made global. */
type Page = typeof globalThis & Pick<typeof import('../../src/client/bundle/webhooks.js'), 'verifyWebhook'>;

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('the verifier in Chromium', () => {
  let browser: Browser;
  let script = '';
  const server = createServer((request, response) => {
    if (request.url === '/webhooks.js') {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script);
    } else {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE);
    }
  });

  beforeAll(async () => {
    script = await readFile(BUNDLE_FILE, 'utf8');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  });

  test('decides every vector as it does elsewhere', async () => {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const outcomes = await tab.evaluate(async (vectors) => {
      const { verifyWebhook } = globalThis as Page;
      const outcome = async ({ headers, body, body_base64, keys, now }: (typeof vectors)[number]) => {
        const bytes = Uint8Array.from(atob(body_base64 ?? ''), (character) => character.charCodeAt(0));
        const options = {
          secret: keys.secrets,
          publicKey: keys.public_keys,
          jwks: keys.jwks,
          now: now * 1_000,
        };
        const request = new Request('/hook', { method: 'POST', headers, body: body ?? bytes });
        try {
          return { valid: true, scheme: (await verifyWebhook(request, options)).scheme };
        } catch (thrown) {
          const { code } = thrown as { code?: string };
          return { valid: false, code: code ?? String(thrown) };
        }
      };
      return Promise.all(vectors.map(outcome));
    }, VECTORS);
    const named = (found: readonly unknown[]) => VECTORS.map(({ name }, at) => [name, found[at]]);
    expect(named(outcomes)).toEqual(named(VECTORS.map((vector) => vector.expect)));
  });
});
