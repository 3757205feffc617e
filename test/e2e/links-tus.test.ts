/** The real tus-js-client, and Uppy on top of it, over a line that breaks at every turn. */

import { Agent, globalAgent } from 'node:http';
import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import { DefaultHttpStack, Upload, type UploadOptions } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BadLine, type Fate, openBadLine } from '../support/bad-line.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';
import { SOAK, soakOr } from '../support/soak.ts';
import { objectKeys } from '../support/stored-objects.ts';
import {
  MIN_PNG_BYTES,
  makeLink,
  type OwnedLink,
  pngOfBytes,
  readLink,
  sha256,
} from '../support/upload-links.ts';

vi.setConfig({ testTimeout: SOAK ? 1_800_000 : 300_000, hookTimeout: 120_000 });

// Run again with SEED=<what was printed> to see the same sizes and the same breaks.
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const RESUMES = soakOr(200, 8);
/** At least, so that there are small pieces and large ones among them. */
const UPLOADS = soakOr(50, 6);
const MIB = 1_048_576;

/** Numbers from 0 to 1, always the same from one seed (mulberry32). */
function randomOf(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let line: BadLine;
let service: TestService;

beforeAll(async () => {
  line = await openBadLine();
  // Nothing here makes a video.
  service = await startService({
    upstream: upstreamAt('http://127.0.0.1:9'),
    vars: { PUBLIC_URL: line.url },
  });
});
afterAll(async () => {
  await line.close();
  await service.close();
});

/** One upload with a connection for each request, so that each has a fate of its own. Resolves when it has succeeded. */
function upload(bytes: Buffer, link: OwnedLink, options: Partial<UploadOptions>): Promise<Upload> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const made: Upload = new Upload(bytes, {
      endpoint: link.url,
      httpStack: new DefaultHttpStack({ agent }),
      metadata: { filename: 'dawn.png', filetype: 'image/png' },
      // Enough that the client never gives up before the line has let it through.
      retryDelays: new Array(200).fill(5),
      ...options,
      onSuccess: () => resolve(made),
      onError: reject,
    });
    made.start();
  });
}

/** The link has this picture, once, and nothing else was left. */
async function expectStored(link: OwnedLink, bytes: Buffer): Promise<void> {
  line.to(service.port);
  expect(await readLink(service, link)).toMatchObject({
    status: 'uploaded',
    sha256: sha256(bytes),
    bytes: bytes.length,
  });
  const stored = await fetch(link.image_url);
  expect(sha256(new Uint8Array(await stored.arrayBuffer()))).toBe(sha256(bytes));
  // What still hangs in the service hears of it now, and clears up after itself.
  line.mend();
  await expect.poll(() => objectKeys(service.dataDir, 'tmp/')).toEqual([]);
  const keys = await objectKeys(service.dataDir, `up/${service.accountId}/${link.upload_id}`);
  expect(keys).toHaveLength(1);
}

describe('tus-js-client', () => {
  test(`${RESUMES} resumes at random points, in pieces of 1 byte to 5 MiB (SEED=${seed})`, async () => {
    console.info(`SEED=${seed}`);
    const random = randomOf(seed);
    const between = (low: number, high: number) => Math.floor(low + random() * (high - low + 1));
    let resumes = 0;
    for (let uploads = 0; resumes < RESUMES || uploads < UPLOADS; uploads++) {
      // As many small ones as large ones: each size is as likely as its double.
      const chunkSize = Math.min(5 * MIB, Math.floor(2 ** (random() * 22.4)));
      const size = Math.min(9 * MIB, Math.max(MIN_PNG_BYTES, between(chunkSize, chunkSize * 30)));
      const bytes = pngOfBytes(size);
      const link = await makeLink(service);
      const fate = (): Fate => {
        const silent = random() < 0.3;
        const kind = random();
        // The head of a request is some 400 bytes long.
        if (kind < 0.3) return { up: between(1, 400 + Math.min(chunkSize, size)), silent };
        // Within the head of the answer. A client in Node never notices that an answer's body was cut.
        if (kind < 0.5) return { down: between(0, 60), silent };
        return {};
      };
      line.to(service.port, fate);
      const asked = line.requests.length;
      await upload(bytes, link, {
        chunkSize,
        uploadDataDuringCreation: false,
        overridePatchMethod: random() < 0.2,
      });
      resumes += line.requests.slice(asked).filter((request) => request.startsWith('HEAD ')).length;
      await expectStored(link, bytes);
    }
    expect(line.breaks).toBeGreaterThanOrEqual(RESUMES / 2);
  });

  test('sends the first piece with the creation', async () => {
    const [bytes, link] = [pngOfBytes(700_000), await makeLink(service)];
    line.to(service.port);
    await upload(bytes, link, { chunkSize: 300_000, uploadDataDuringCreation: true });
    await expectStored(link, bytes);
  });

  test.each([false, true])(
    'loses nothing that has come when the line breaks (silently: %s)',
    async (silent) => {
      const [bytes, link] = [pngOfBytes(4 * MIB), await makeLink(service)];
      line.to(service.port);
      const location = await fetch(link.url, {
        method: 'POST',
        headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(bytes.length) },
      }).then((answer) => answer.headers.get('Location') ?? '');
      const offset = async () => {
        const head = await fetch(location, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
        return Number(head.headers.get('Upload-Offset'));
      };
      // Its first request asks where the upload is; its second is cut in the middle of the third megabyte.
      let connection = 0;
      line.to(service.port, () => (++connection === 2 ? { up: 2.5 * MIB, silent } : {}));
      await expect(upload(bytes, link, { uploadUrl: location, retryDelays: null })).rejects.toThrow();
      line.to(service.port);
      if (silent) {
        await expect.poll(offset).toBe(2 * MIB);
        line.mend();
      }
      // But for the request's head.
      await expect.poll(offset).toBeGreaterThan(2.5 * MIB - 1_000);
      expect(await offset()).toBeLessThan(2.5 * MIB);
      await upload(bytes, link, { uploadUrl: location });
      await expectStored(link, bytes);
    },
  );

  test('sends byte by byte', async () => {
    const [bytes, link] = [pngOfBytes(soakOr(2_000, 200)), await makeLink(service)];
    line.to(service.port);
    await upload(bytes, link, { chunkSize: 1 });
    await expectStored(link, bytes);
  });

  test('goes on where it was in another process, and ends what it is told to end', async () => {
    const [bytes, link] = [pngOfBytes(3 * MIB), await makeLink(service)];
    line.to(service.port);
    const { url } = await new Promise<Upload>((resolve, reject) => {
      const first: Upload = new Upload(bytes, {
        endpoint: link.url,
        chunkSize: 500_000,
        onChunkComplete: (_size, accepted) => {
          if (accepted >= MIB) void first.abort().then(() => resolve(first), reject);
        },
        onError: reject,
      });
      first.start();
    });
    const given = await new Promise<Upload>((resolve, reject) => {
      const abandoned: Upload = new Upload(bytes, {
        endpoint: link.url,
        chunkSize: 500_000,
        onChunkComplete: () => void abandoned.abort(true).then(() => resolve(abandoned), reject),
        onError: reject,
      });
      abandoned.start();
    });
    const head = await fetch(given.url ?? '', { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
    expect(head.status).toBe(404);
    const before = line.requests.length;
    await upload(bytes, link, { uploadUrl: url, chunkSize: 500_000 });
    expect(line.requests.slice(before).some((request) => request.startsWith('POST '))).toBe(false);
    await expectStored(link, bytes);
  });

  test('is told why, and tries no more, when the picture is refused', async () => {
    const link = await makeLink(service);
    line.to(service.port);
    const page = Buffer.from('<!doctype html><title>no picture</title>');
    await expect(upload(page, link, { chunkSize: 10 })).rejects.toMatchObject({
      originalResponse: expect.objectContaining({ _response: expect.objectContaining({ statusCode: 415 }) }),
    });
    await expect.poll(() => objectKeys(service.dataDir, 'tmp/')).toEqual([]);
    const bytes = pngOfBytes(1_000);
    await upload(bytes, link, {});
    await expectStored(link, bytes);
    await expect(upload(bytes, link, {})).rejects.toMatchObject({
      originalResponse: expect.objectContaining({ _response: expect.objectContaining({ statusCode: 410 }) }),
    });
  });
});

describe('Uppy, as it comes', () => {
  /** In Node its tus client reads buffers; in a browser it is given files (links-tus-browser.test.ts). */
  const fileOf = (bytes: Buffer) => ({
    name: 'dawn.png',
    type: 'image/png',
    data: bytes as unknown as Blob,
  });

  test.each([
    ['in one piece', Number.POSITIVE_INFINITY],
    ['in pieces', 300_000],
  ])('reports success %s over a line that breaks', async (_name, chunkSize) => {
    const [bytes, link] = [pngOfBytes(2 * MIB), await makeLink(service)];
    let connections = 0;
    // None that another test has left open is used.
    globalAgent.destroy();
    // The creation passes, what comes first after it is cut, an answer is lost, and then the line is good.
    line.to(service.port, () => {
      connections++;
      if (connections === 2) return { up: 200_000 };
      return connections === 3 ? { down: 10 } : {};
    });
    const uppy = new Uppy().use(Tus, {
      endpoint: link.url,
      chunkSize,
      retryDelays: new Array(50).fill(5),
      // A connection for each request, so that each has a fate of its own.
      headers: { Connection: 'close' },
    });
    uppy.addFile(fileOf(bytes));
    const result = await uppy.upload();
    uppy.destroy();
    expect(result?.failed).toEqual([]);
    expect(result?.successful).toHaveLength(1);
    expect(connections).toBeGreaterThan(3);
    await expectStored(link, bytes);
  });

  test('reports the failure of what is no picture, and of a second one', async () => {
    const link = await makeLink(service);
    line.to(service.port);
    const send = async (bytes: Buffer) => {
      const uppy = new Uppy().use(Tus, { endpoint: link.url, retryDelays: [] });
      uppy.addFile(fileOf(bytes));
      const result = await uppy.upload();
      uppy.destroy();
      return [result?.successful?.length, result?.failed?.length];
    };
    expect(await send(Buffer.from('<!doctype html><title>no picture</title>'))).toEqual([0, 1]);
    const bytes = pngOfBytes(1_000);
    expect(await send(bytes)).toEqual([1, 0]);
    expect(await send(pngOfBytes(1_000))).toEqual([0, 1]);
    await expectStored(link, bytes);
  });
});
