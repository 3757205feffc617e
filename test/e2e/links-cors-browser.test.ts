/** A picture sent with one fetch by a page of another origin, in Chromium, which asks first whether it may. */

import type { RequestListener } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BadLine, openBadLine } from '../support/bad-line.ts';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';
import { openSite, type Site } from '../support/site.ts';
import { makeLink, type OwnedLink, pngOfBytes, readLink, sha256 } from '../support/upload-links.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIB = 1_048_576;

/** What a page's script is told. */
interface Told {
  readonly status: number;
  readonly type: string;
  readonly requestId: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('a page of another origin in Chromium', () => {
  let line: BadLine;
  let service: TestService;
  let browser: Browser;
  let site: Site;
  const files = new Map<string, Buffer>();
  /** An integrator's page, and the pictures that a person would choose. */
  const answer: RequestListener = (request, response) => {
    const file = files.get(request.url ?? '');
    if (file) response.writeHead(200, { 'Content-Type': 'image/png' }).end(file);
    else {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end('<!doctype html><title>An integrator</title>');
    }
  };

  beforeAll(async () => {
    site = await openSite(answer);
    // It breaks nowhere: it tells what the browser asks.
    line = await openBadLine();
    service = await startService({
      upstream: upstreamAt('http://127.0.0.1:9'),
      vars: { PUBLIC_URL: line.url },
    });
    line.to(service.port);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await line?.close();
    await service?.close();
    await site?.close();
  });

  /** The page, a link, and a picture that the page can load. */
  async function prepared(bytes: Buffer): Promise<{ link: OwnedLink; tab: Page; file: string }> {
    const link = await makeLink(service);
    const file = `/${link.upload_id}.png`;
    files.set(file, bytes);
    const tab = await (await browser.newContext()).newPage();
    await tab.goto(site.url);
    expect(new URL(link.url).origin).not.toBe(site.url);
    return { link, tab, file };
  }

  /** Sends the picture, or what the page has instead. */
  function send(tab: Page, url: string, file: string, headers: Record<string, string>): Promise<Told> {
    return tab.evaluate(
      async ({ url, file, headers }) => {
        const body = await (await fetch(file)).blob();
        const response = await fetch(url, { method: 'PUT', body, headers });
        return {
          status: response.status,
          type: response.type,
          requestId: response.headers.get('X-Request-Id'),
          body: await response.json(),
        };
      },
      { url, file, headers },
    );
  }

  const asked = (link: OwnedLink) =>
    line.requests.filter((request) => request.endsWith(` ${new URL(link.url).pathname}`));

  test('may send a picture and read the answer, and those that refuse it', async () => {
    const bytes = pngOfBytes(2 * MIB);
    const { link, tab, file } = await prepared(bytes);
    const digest = `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`;
    const page = await send(tab, link.url, '/', { 'Content-Type': 'image/png' });
    const sent = await send(tab, link.url, file, { 'Content-Type': 'image/png', 'Content-Digest': digest });
    // Small: of a large body the runtime hangs up on what is still to come, which may overtake its answer.
    const again = await send(tab, link.url, '/', { 'Content-Type': 'image/png' });
    await tab.context().close();
    for (const { type, requestId } of [page, sent, again]) {
      expect([type, requestId]).toEqual(['cors', expect.stringMatching(/./)]);
    }
    expect([page.status, page.body.code]).toEqual([415, 'unsupported_media_type']);
    expect(sent).toMatchObject({
      status: 201,
      body: { status: 'uploaded', bytes: bytes.length, sha256: sha256(bytes) },
    });
    expect([again.status, again.body.code]).toEqual([410, 'link_used']);
    expect(await readLink(service, link)).toMatchObject({ status: 'uploaded', sha256: sha256(bytes) });
    const [first] = asked(link);
    expect(first).toMatch(/^OPTIONS /);
    expect(asked(link).filter((request) => request.startsWith('PUT '))).toHaveLength(3);
  });

  test('is kept by the browser from sending what was not allowed', async () => {
    const { link, tab, file } = await prepared(pngOfBytes(10_000));
    const sending = send(tab, link.url, file, { 'Content-Type': 'image/png', 'X-Not-Allowed': '1' });
    await expect(sending).rejects.toThrow('Failed to fetch');
    await tab.context().close();
    expect(asked(link)).toEqual([expect.stringMatching(/^OPTIONS /)]);
    expect((await readLink(service, link)).status).toBe('pending');
  });
});
