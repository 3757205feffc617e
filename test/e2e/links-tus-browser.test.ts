/** tus-js-client and Uppy as they come, in Chromium, on a page of another origin, over a line that breaks. */

import type { RequestListener } from 'node:http';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import type * as tus from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BadLine, openBadLine } from '../support/bad-line.ts';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';
import { openSite, type Site } from '../support/site.ts';
import { objectKeys } from '../support/stored-objects.ts';
import { makeLink, type OwnedLink, pngOfBytes, readLink, sha256 } from '../support/upload-links.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIB = 1_048_576;
const SCRIPT = `
  import * as tus from 'tus-js-client';
  import Uppy from '@uppy/core';
  import Tus from '@uppy/tus';
  Object.assign(globalThis, { tus, Uppy, Tus });
`;

/** What the page's script has. */
interface Libraries {
  readonly tus: typeof tus;
  readonly Uppy: typeof import('@uppy/core').default;
  readonly Tus: typeof import('@uppy/tus').default;
}

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('in Chromium', () => {
  let line: BadLine;
  let service: TestService;
  let browser: Browser;
  let site: Site;
  let script = '';
  const files = new Map<string, Buffer>();
  /** An integrator's page: the libraries, and the pictures that a person would choose. */
  const answer: RequestListener = (request, response) => {
    const file = files.get(request.url ?? '');
    if (file) response.writeHead(200, { 'Content-Type': 'image/png' }).end(file);
    else if (request.url === '/script.js') response.writeHead(200).end(script);
    else {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end('<!doctype html><title>An integrator</title><script src="/script.js"></script>');
    }
  };

  beforeAll(async () => {
    const bundle = await build({
      stdin: { contents: SCRIPT, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
    });
    script = bundle.outputFiles[0]?.text ?? '';
    site = await openSite(answer);
    line = await openBadLine();
    service = await startService({
      upstream: upstreamAt('http://127.0.0.1:9'),
      vars: { PUBLIC_URL: line.url },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await line?.close();
    await service?.close();
    await site?.close();
  });

  /** A picture that the page can load, a link, and the page. */
  async function prepared(bytes: Buffer): Promise<{ link: OwnedLink; tab: Page; file: string }> {
    line.to(service.port);
    const link = await makeLink(service);
    const file = `/${link.upload_id}.png`;
    files.set(file, bytes);
    const tab = await (await browser.newContext()).newPage();
    await tab.goto(site.url);
    return { link, tab, file };
  }

  async function expectStored(link: OwnedLink, bytes: Buffer): Promise<void> {
    expect(await readLink(service, link)).toMatchObject({
      status: 'uploaded',
      sha256: sha256(bytes),
      bytes: bytes.length,
    });
    await expect.poll(() => objectKeys(service.dataDir, 'tmp/')).toEqual([]);
    expect(await objectKeys(service.dataDir, `up/${service.accountId}/${link.upload_id}`)).toHaveLength(1);
  }

  const countOf = (method: string, from: number) =>
    line.requests.slice(from).filter((request) => request.startsWith(`${method} `)).length;

  test.each([
    ['in one piece', Number.POSITIVE_INFINITY],
    ['in pieces', 300_000],
  ])('Uppy reports success %s, whatever the line does', async (_name, chunkSize) => {
    const bytes = pngOfBytes(3 * MIB);
    const { link, tab, file } = await prepared(bytes);
    const from = line.requests.length;
    const breaks = line.breaks;
    line.breakAfter(1_500_000);
    const result = await tab.evaluate(
      async ({ endpoint, file, chunkSize }) => {
        const { Uppy, Tus } = globalThis as unknown as Libraries;
        const data = await (await fetch(file)).blob();
        const uppy = new Uppy({ autoProceed: false }).use(Tus, {
          endpoint,
          chunkSize,
          retryDelays: [10, 100, 500, 1_000],
        });
        uppy.addFile({ name: 'dawn.png', type: 'image/png', data });
        const { successful = [], failed = [] } = (await uppy.upload()) ?? {};
        return {
          successful: successful.map(({ uploadURL }) => uploadURL),
          failed: failed.map(({ error }) => error),
        };
      },
      { endpoint: link.url, file, chunkSize },
    );
    await tab.context().close();
    expect(result).toEqual({ successful: [expect.stringContaining(`${link.url}/`)], failed: [] });
    expect(line.breaks).toBeGreaterThan(breaks);
    expect(countOf('OPTIONS', from)).toBeGreaterThan(0);
    // Something was sent again: by tus, which asks first how far it came, or by the browser itself.
    expect(countOf('PATCH', from)).toBeGreaterThan(
      Math.ceil(bytes.length / Math.min(chunkSize, bytes.length)),
    );
    expect(countOf('POST', from)).toBe(1);
    await expectStored(link, bytes);
  });

  test('tus-js-client goes on after the page was loaded anew', async () => {
    const bytes = pngOfBytes(2 * MIB);
    const { link, tab, file } = await prepared(bytes);
    const from = line.requests.length;
    const options = { endpoint: link.url, file, chunkSize: 200_000 };
    /** Uploads to the end, or until so many bytes are there. */
    const run = (until: number) =>
      tab.evaluate(
        async ({ endpoint, file, chunkSize, until }) => {
          const { tus } = globalThis as unknown as Libraries;
          const data = await (await fetch(file)).blob();
          const picture = new File([data], 'dawn.png', { type: 'image/png', lastModified: 1 });
          return new Promise<{ resumed: number; url: string | null }>((resolve, reject) => {
            let resumed = 0;
            const upload = new tus.Upload(picture, {
              endpoint,
              chunkSize,
              metadata: { filename: picture.name, filetype: picture.type },
              onError: reject,
              onSuccess: () => resolve({ resumed, url: upload.url }),
              onChunkComplete: (_size, accepted) => {
                if (accepted >= until) void upload.abort().then(() => resolve({ resumed, url: upload.url }));
              },
            });
            void upload.findPreviousUploads().then(([previous]) => {
              if (previous) {
                resumed++;
                upload.resumeFromPreviousUpload(previous);
              }
              upload.start();
            });
          });
        },
        { ...options, until },
      );
    const first = await run(MIB);
    expect(first.resumed).toBe(0);
    expect((await readLink(service, link)).status).toBe('pending');
    await tab.reload();
    const second = await run(Number.POSITIVE_INFINITY);
    await tab.context().close();
    expect(second).toEqual({ resumed: 1, url: first.url });
    expect(countOf('POST', from)).toBe(1);
    expect(countOf('OPTIONS', from)).toBeGreaterThan(0);
    await expectStored(link, bytes);
  });

  test('both are told why a file is refused', async () => {
    const page = Buffer.from('<!doctype html><title>no picture</title>');
    const { link, tab, file } = await prepared(page);
    const statuses = await tab.evaluate(
      async ({ endpoint, file }) => {
        const { tus, Uppy, Tus } = globalThis as unknown as Libraries;
        const data = await (await fetch(file)).blob();
        const first = await new Promise<number | undefined>((resolve, reject) => {
          const upload = new tus.Upload(data, {
            endpoint,
            onSuccess: () => reject(new Error('was taken')),
            onError: (cause) => resolve((cause as tus.DetailedError).originalResponse?.getStatus()),
          });
          upload.start();
        });
        const uppy = new Uppy().use(Tus, { endpoint });
        uppy.addFile({ name: 'dawn.png', type: 'image/png', data });
        const failed = new Promise<number | undefined>((resolve) => {
          uppy.on('upload-error', (_file, _cause, response) => resolve(response?.status));
        });
        await uppy.upload();
        return [first, await failed];
      },
      { endpoint: link.url, file },
    );
    await tab.context().close();
    expect(statuses).toEqual([415, 415]);
    expect((await readLink(service, link)).status).toBe('pending');
    expect(await objectKeys(service.dataDir, 'tmp/')).toEqual([]);
  });
});
