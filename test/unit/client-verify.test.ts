import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type VerifyOptions,
  verifyWebhook,
  type WebhookEvent,
  WebhookVerificationError,
} from '../../src/client/verify-webhook.ts';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';

const SECRET = newWebhookSecret();
const nowS = () => Math.floor(Date.now() / 1_000);
const BODY = '{"type":"job.completed","timestamp":"2026-10-01T12:00:00.000Z","data":{"job_id":"job_1"}}';

async function signed(body = BODY, secrets = [SECRET]) {
  return webhookHeaders(secrets, { id: 'evt_1', timestamp: nowS(), body });
}

async function requestOf(body = BODY, init: RequestInit = {}): Promise<Request> {
  const headers = { ...(await signed(body)) };
  return new Request('https://receiver.test/hook', { method: 'POST', headers, body, ...init });
}

/** The error that comes of it. */
async function refusal(work: Promise<unknown>): Promise<WebhookVerificationError> {
  const thrown = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(thrown).toBeInstanceOf(WebhookVerificationError);
  return thrown as WebhookVerificationError;
}

describe('a webhook that is right', () => {
  it('is the event, and how it came', async () => {
    expect(await verifyWebhook(await requestOf(), { secret: SECRET })).toEqual({
      type: 'job.completed',
      timestamp: '2026-10-01T12:00:00.000Z',
      data: { job_id: 'job_1' },
      id: 'evt_1',
      sentAt: expect.closeTo(nowS(), -1),
      scheme: 'v1',
      body: BODY,
    });
  });

  it('has the id of the delivery, whatever stands in the body', async () => {
    const body = '{"id":"evt_2","sentAt":1,"scheme":"v9","body":"x","__proto__":{"a":1},"type":"t"}';
    const event = await verifyWebhook(await requestOf(body), { secret: SECRET });
    expect(event).toMatchObject({ id: 'evt_1', scheme: 'v1', body, type: 't' });
    expect((event as { a?: number }).a).toBeUndefined();
  });

  it('may be told apart by its type', async () => {
    type Job =
      | { type: 'job.completed'; data: { job_id: string } }
      | { type: 'credits.low'; data: { available: number } };
    const event = await verifyWebhook<Job>(await requestOf(), { secret: SECRET });
    if (event.type !== 'job.completed') throw new TypeError('another type');
    expectTypeOf(event.data).toEqualTypeOf<{ job_id: string }>();
    expect(event.data.job_id).toBe('job_1');
    const plain = await verifyWebhook(await requestOf(), { secret: SECRET });
    expectTypeOf(plain.type).toEqualTypeOf<WebhookEvent['type']>();
  });

  it("comes through Node's own server, with its headers and its chunks", async () => {
    const seen = Promise.withResolvers<unknown>();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.end();
        const { headers } = request;
        verifyWebhook({ headers, body: Buffer.concat(chunks) }, { secret: SECRET }).then(
          seen.resolve,
          seen.reject,
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await fetch(url, { method: 'POST', headers: { ...(await signed()) }, body: BODY });
      expect(await seen.promise).toMatchObject({ type: 'job.completed', id: 'evt_1' });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('may be a view into larger memory', async () => {
    const bytes = new TextEncoder().encode(`xx${BODY}yy`);
    const body = bytes.subarray(2, -2);
    expect(await verifyWebhook({ headers: { ...(await signed()) }, body }, { secret: SECRET })).toMatchObject(
      {
        body: BODY,
      },
    );
  });
});

describe('what the receiver has wrong', () => {
  it('is told whatever comes, and never with the secret', async () => {
    const headers = {};
    const secret = 'whsec_c2VjcmV0c2VjcmV0'; // too short
    const error = await refusal(verifyWebhook({ headers, body: '' }, { secret }));
    expect(error).toMatchObject({ name: 'WebhookVerificationError', code: 'bad_secret', status: 500 });
    expect(String(error)).not.toContain('c2VjcmV0');
  });

  it.each<[string, object]>([
    ['no_key', {}],
    ['no_key', { secret: undefined, publicKey: undefined, jwks: undefined }],
    ['bad_secret', { secret: [undefined] }],
    ['bad_key', { publicKey: [null] }],
    ['bad_key', { jwks: 'keys.json' }],
    ['bad_key', { jwks: 'http://video.example.com/jwks.json' }],
    ['bad_key', { jwks: 'file:///jwks.json' }],
    ['bad_option', { secret: SECRET, toleranceS: Number.NaN }],
    ['bad_option', { secret: SECRET, toleranceS: -1 }],
    ['bad_option', { secret: SECRET, toleranceS: '300' }],
    ['bad_option', { secret: SECRET, now: Number.POSITIVE_INFINITY }],
    ['bad_option', { secret: SECRET, maxBodyBytes: -1 }],
  ])('%s: %j', async (code, options) => {
    const error = await refusal(verifyWebhook(await requestOf(), options as VerifyOptions));
    expect([error.code, error.status]).toEqual([code, 500]);
  });

  it('no options', async () => {
    const error = await refusal(verifyWebhook(await requestOf(), undefined as unknown as VerifyOptions));
    expect(error.code).toBe('no_key');
  });

  it('a body that something has read', async () => {
    const request = await requestOf();
    await request.json();
    expect((await refusal(verifyWebhook(request, { secret: SECRET }))).code).toBe('body_used');
  });

  it.each([JSON.parse(BODY), null, undefined, 7])('a body that is none any more: %j', async (body) => {
    const error = await refusal(
      verifyWebhook({ headers: { ...(await signed()) }, body }, { secret: SECRET }),
    );
    expect(error.code).toBe('bad_input');
  });

  it.each([null, undefined, {}, { body: BODY }])('something that is no webhook: %j', async (input) => {
    const error = await refusal(verifyWebhook(input as unknown as Request, { secret: SECRET }));
    expect(error.code).toBe('bad_input');
  });
});

describe('headers', () => {
  it('given twice are none that was signed', async () => {
    const headers = { ...(await signed()) };
    const twice = [
      { ...headers, 'webhook-id': ['evt_1', 'evt_1'] },
      { ...headers, 'Webhook-Id': 'evt_1' },
    ];
    for (const each of twice) {
      expect((await refusal(verifyWebhook({ headers: each, body: BODY }, { secret: SECRET }))).code).toBe(
        'bad_id',
      );
    }
    const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
    expect(await verifyWebhook({ headers: lists, body: BODY }, { secret: SECRET })).toMatchObject({
      id: 'evt_1',
    });
  });

  it('with more signatures than any sender has are not read to their end', async () => {
    const headers = { ...(await signed()) };
    const junk = (count: number) => Array.from({ length: count }, () => 'v1,AAAA').join(' ');
    const withJunk = (count: number) => ({
      headers: { ...headers, 'webhook-signature': `${junk(count)} ${headers['webhook-signature']}` },
      body: BODY,
    });
    expect(await verifyWebhook(withJunk(63), { secret: SECRET })).toMatchObject({ id: 'evt_1' });
    expect((await refusal(verifyWebhook(withJunk(64), { secret: SECRET }))).code).toBe('no_match');
  });

  it('of a time are judged by the tolerance that was asked for', async () => {
    const webhook = { headers: { ...(await signed()) }, body: BODY };
    const at = (offset: number, toleranceS: number) =>
      verifyWebhook(webhook, {
        secret: SECRET,
        toleranceS,
        now: (Number(webhook.headers['webhook-timestamp']) + offset) * 1_000 + 999,
      });
    expect(await at(10, 10)).toBeDefined();
    expect(await at(-10, 10)).toBeDefined();
    expect(await at(0, 0)).toBeDefined();
    expect(await refusal(at(11, 10))).toMatchObject({ code: 'too_old', status: 400 });
    expect(await refusal(at(-11, 10))).toMatchObject({ code: 'too_new', status: 400 });
  });
});

describe('a body larger than it may be', () => {
  const small = { secret: SECRET, maxBodyBytes: 50 };

  it.each([
    ['text', (headers: object) => ({ headers: { ...headers }, body: BODY })],
    ['bytes', (headers: object) => ({ headers: { ...headers }, body: new TextEncoder().encode(BODY) })],
    [
      'Request',
      (headers: object) =>
        new Request('https://x.test', { method: 'POST', headers: { ...headers }, body: BODY }),
    ],
    [
      'Request with its length',
      (headers: object) =>
        new Request('https://x.test', {
          method: 'POST',
          headers: { ...headers, 'content-length': '90' },
          body: BODY,
        }),
    ],
  ] as const)('as a %s is refused', async (_form, make) => {
    const error = await refusal(verifyWebhook(make(await signed()), small));
    expect(error).toMatchObject({ code: 'body_too_large', status: 413 });
  });

  it('is not read to its end', async () => {
    let pulled = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(40));
        },
        cancel() {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const request = await requestOf(BODY, { body, duplex: 'half' } as RequestInit);
    expect((await refusal(verifyWebhook(request, small))).code).toBe('body_too_large');
    expect([pulled <= 3, cancelled]).toEqual([true, true]);
  });

  it('is as large as it may be', async () => {
    const options = { secret: SECRET, maxBodyBytes: BODY.length };
    expect(await verifyWebhook(await requestOf(), options)).toMatchObject({ body: BODY });
  });
});

describe('a browser without streams of requests, and without a body', () => {
  it('is read all the same', async () => {
    const bytes = new TextEncoder().encode(BODY);
    const headers = new Headers({ ...(await signed()) });
    const request = { headers, bodyUsed: false, arrayBuffer: async () => bytes.buffer as ArrayBuffer };
    expect(await verifyWebhook(request, { secret: SECRET })).toMatchObject({ body: BODY });
    const small = { secret: SECRET, maxBodyBytes: 10 };
    expect((await refusal(verifyWebhook(request, small))).code).toBe('body_too_large');
    const empty = await requestOf('', { body: null });
    expect((await refusal(verifyWebhook(empty, { secret: SECRET }))).code).toBe('bad_body');
  });
});
