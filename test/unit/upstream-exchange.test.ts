import { describe, expect, it } from 'vitest';
import { readLimited } from '../../src/worker/media/body.ts';
import { addressNow, builtHandle, isRequestId, pinnedHandle } from '../../src/worker/upstream/address.ts';
import { exchange, retryAfterMs } from '../../src/worker/upstream/exchange.ts';

const QUEUE = 'https://queue.fal.run';
const ENDPOINT = 'fal-ai/ltx-2.3/image-to-video/fast';
const ID = '0f2d1f6c-7f55-4a4e-9a0d-111111111111';
const BASE = `${QUEUE}/fal-ai/ltx-2.3/requests/${ID}`;

describe('addresses', () => {
  it('are built from the app alone, also below a namespace and a path', () => {
    expect(builtHandle(QUEUE, ENDPOINT, ID)).toEqual({
      requestId: ID,
      statusUrl: `${BASE}/status`,
      responseUrl: BASE,
      cancelUrl: `${BASE}/cancel`,
    });
    expect(builtHandle('http://127.0.0.1:9/q', 'workflows/me/flow/x', ID).responseUrl).toBe(
      `http://127.0.0.1:9/q/workflows/me/flow/requests/${ID}`,
    );
  });

  it('that the upstream gave are kept on its own host', () => {
    const given = { status: `${BASE}/status?logs=0`, response: `${BASE}/response`, cancel: `${BASE}/cancel` };
    expect(pinnedHandle(QUEUE, ENDPOINT, ID, given)).toEqual({
      requestId: ID,
      statusUrl: given.status,
      responseUrl: given.response,
      cancelUrl: given.cancel,
    });
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `/fal-ai/ltx-2.3/requests/${ID}`,
    BASE.replace('https:', 'http:'),
    BASE.replace('fal.run', 'fal.run.evil.test'),
    BASE.replace('fal.run', 'fal.run:8443'),
    BASE.replace('queue.fal.run', 'queue.fal.run@evil.test'),
    BASE.replace('https://', 'https://user:pass@'),
    `${QUEUE}/keys`,
    `${QUEUE}/fal-ai/ltx-2.3/requests/${ID}x`,
    `${QUEUE}/fal-ai/ltx-2.3/requests/${ID}/../../../../keys`,
    `${BASE}?${'x'.repeat(3_000)}`,
    `javascript:/requests/${ID}`,
  ])('are rebuilt instead of %s', (url) => {
    const given = { status: url, response: url, cancel: url };
    expect(pinnedHandle(QUEUE, ENDPOINT, ID, given)).toEqual(builtHandle(QUEUE, ENDPOINT, ID));
  });

  it('are asked at the host that is configured now', () => {
    expect(addressNow('https://queue.falrun.com', `${BASE}/status?a=1#b`)).toBe(
      `https://queue.falrun.com/fal-ai/ltx-2.3/requests/${ID}/status?a=1`,
    );
    expect(addressNow(QUEUE, 'no address')).toBeNull();
  });

  it.each([
    [ID, true],
    ['019a-b_C', true],
    ['', false],
    ['..', false],
    ['a/b', false],
    ['a.b', false],
    ['-a', false],
    ['a\n', false],
    ['a'.repeat(129), false],
  ])('take %j for a request id: %s', (text, valid) => {
    expect(isRequestId(text)).toBe(valid);
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);
  it.each([
    ['3', 3_000],
    ['0', 0],
    ['86400', 600_000],
    ['Sun, 22 Nov 2026 12:00:05 GMT', 5_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['-3', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('%j is %s ms', (text, wait) => {
    expect(retryAfterMs({ get: () => text }, now)).toBe(wait);
  });
});

/** A stream of these chunks; what happens to it is told. */
function streamOf(chunks: readonly Uint8Array[]) {
  const rest = [...chunks];
  const told = { pulled: 0, canceled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = rest.shift();
        told.pulled++;
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel() {
        told.canceled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, told };
}

describe('reading a body', () => {
  const chunk = (length: number) => new Uint8Array(length).fill(7);

  it('takes all of it up to the limit, and not a byte more', async () => {
    expect(await readLimited(streamOf([chunk(3), chunk(2)]).stream, 5)).toEqual(chunk(5));
    expect(await readLimited(null, 5)).toEqual(chunk(0));
    const { stream, told } = streamOf([chunk(3), chunk(3), chunk(3)]);
    expect(await readLimited(stream, 5)).toBe('too_large');
    expect(told).toEqual({ pulled: 2, canceled: true });
  });

  it('gives up when its time is up, also between two chunks, and lets the stream go', async () => {
    let canceled: unknown;
    const stuck = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(chunk(1)),
      pull: () => new Promise(() => undefined),
      cancel: (reason) => {
        canceled = reason;
      },
    });
    const timeout = new AbortController();
    const read = readLimited(stuck, 5, timeout.signal);
    const reason = new Error('time is up');
    timeout.abort(reason);
    expect(await read).toBe('ended_early');
    expect(canceled).toBe(reason);
  });
});

describe('an exchange', () => {
  const request = () => new Request('https://queue.fal.run/x?fal_webhook=secret');

  it('tells of an error no more than its name: messages may carry the URL', async () => {
    const thrown = [new TypeError('Invalid URL: ?fal_webhook=secret'), 'a text'];
    for (const cause of thrown) {
      const reply = await exchange(() => Promise.reject(cause), request(), 10);
      expect(reply).toMatchObject({ kind: 'none', sent: true });
      expect(JSON.stringify(reply)).not.toContain('secret');
    }
  });

  it('is no answer when the body breaks off', async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('cut')) });
    expect(await exchange(async () => new Response(broken), request(), 10)).toMatchObject({
      kind: 'none',
      sent: true,
    });
  });

  it('reads JSON in UTF-8 and nothing else', async () => {
    const bodies = ['{"a":1}', '', '{"a":', new Uint8Array([0x22, 0xff, 0x22])];
    const parsed = [];
    for (const body of bodies) {
      const reply = await exchange(async () => new Response(body), request(), 10);
      parsed.push(reply.kind === 'answer' ? reply.body : reply);
    }
    expect(parsed).toEqual([{ a: 1 }, undefined, undefined, undefined]);
  });
});
