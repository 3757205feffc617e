import { describe, expect, it } from 'vitest';
import type { RenderedFile } from '../../src/engine/contract.ts';
import { inputSchema } from '../../src/engine/server/endpoint.ts';
import { modelError, summaryOf, validationError } from '../../src/engine/server/errors.ts';
import { isLoopbackUrl } from '../../src/engine/server/loopback.ts';
import { errorOf, type Outcome } from '../../src/engine/server/outcome.ts';
import { namesTag, parseRange } from '../../src/engine/server/range.ts';
import { type RunEnd, verdictOnRun } from '../../src/engine/server/run.ts';
import {
  deliveryTimeoutMs,
  nextTryAt,
  RETRY_DELAYS_MS,
  verdictOn,
} from '../../src/engine/server/webhook-schedule.ts';

const INPUT = { prompt: 'in', image_url: 'https://images.test/a.png' };

describe('the input', () => {
  it('gets fal’s defaults', () => {
    expect(inputSchema.parse({ ...INPUT, seed: 7 })).toEqual({
      ...INPUT,
      duration: 6,
      resolution: '1080p',
      aspect_ratio: 'auto',
      fps: 25,
      generate_audio: true,
      end_image_url: undefined,
    });
  });

  it.each([
    { duration: 10, fps: 50, resolution: '2160p' },
    { duration: 20, fps: 25, resolution: '1080p' },
    { end_image_url: null },
  ])('may be %o', (fields) => {
    expect(inputSchema.safeParse({ ...INPUT, ...fields }).success).toBe(true);
  });

  it.each([
    [{ duration: 12, fps: 24 }, ['body', 'duration'], 'value_error'],
    [{ duration: 12, resolution: '1440p' }, ['body', 'duration'], 'value_error'],
    [{ duration: 7 }, ['body', 'duration'], 'literal_error'],
    [{ duration: '6' }, ['body', 'duration'], 'literal_error'],
    [{ fps: 30 }, ['body', 'fps'], 'literal_error'],
    [{ resolution: '720p' }, ['body', 'resolution'], 'literal_error'],
    [{ generate_audio: 'yes' }, ['body', 'generate_audio'], 'bool_type'],
    [{ prompt: undefined }, ['body', 'prompt'], 'missing'],
    [{ image_url: '' }, ['body', 'image_url'], 'string_too_short'],
    [{ image_url: 5 }, ['body', 'image_url'], 'string_type'],
  ])('may not be %o', (fields, loc, type) => {
    const body = { ...INPUT, ...fields };
    const parsed = inputSchema.safeParse(body);
    if (parsed.success) throw new Error('it was taken');
    const reply = validationError(parsed.error, body);
    expect(reply.status).toBe(422);
    expect(reply.body).toMatchObject({ detail: [{ loc, type, msg: expect.any(String) }] });
  });

  it('that is no object is said to be none', () => {
    const parsed = inputSchema.safeParse([1]);
    if (parsed.success) throw new Error('it was taken');
    expect(validationError(parsed.error, [1]).body).toMatchObject({
      detail: [{ loc: ['body'], type: 'dict_type' }],
    });
  });

  it('is not repeated in an error when it is long', () => {
    const detail = { loc: ['body', 'image_url'], msg: 'no', type: 'image_load_error' };
    expect(modelError(422, [{ ...detail, input: 'short' }]).body).toEqual({
      detail: [{ ...detail, input: 'short' }],
    });
    expect(modelError(422, [{ ...detail, input: 'A'.repeat(2_000) }]).body).toEqual({ detail: [detail] });
  });
});

describe('a failed outcome', () => {
  it.each<[Outcome, number, string]>([
    [
      { kind: 'failed', status: 422, detail: [{ loc: [], msg: 'm', type: 'image_too_large' }] },
      422,
      'image_too_large',
    ],
    [{ kind: 'crashed' }, 500, 'internal_server_error'],
    [{ kind: 'timed_out' }, 504, 'generation_timeout'],
    [{ kind: 'not_started' }, 504, 'request_timeout'],
    [{ kind: 'cancelled' }, 499, 'client_cancelled'],
  ])('%o is status %i and %s', (outcome, status, type) => {
    const error = errorOf(outcome);
    expect(error?.status).toBe(status);
    expect(error && summaryOf(error).error_type).toBe(type);
  });
});

describe('the end of a run', () => {
  const file: RenderedFile = {
    path: '/v',
    bytes: 9,
    width: 16,
    height: 9,
    fps: 25,
    duration: 6,
    frames: 150,
  };
  const done: RunEnd = { kind: 'done', file };
  const crashed: RunEnd = { kind: 'crashed', message: 'signal 9' };
  const neither = { cancelled: false, closing: false };

  it.each<[RunEnd, { cancelled: boolean; closing: boolean }, string]>([
    [done, neither, 'done'],
    [done, { cancelled: true, closing: true }, 'done'],
    [crashed, neither, 'crashed'],
    [crashed, { cancelled: true, closing: false }, 'cancelled'],
    [crashed, { cancelled: false, closing: true }, 'give_back'],
    [{ kind: 'canceled' }, { cancelled: true, closing: true }, 'cancelled'],
    [{ kind: 'canceled' }, { cancelled: false, closing: true }, 'give_back'],
    [{ kind: 'canceled' }, neither, 'crashed'],
    [{ kind: 'timed_out' }, neither, 'timed_out'],
  ])('%o with %o is %s', (end, by, expected) => {
    const verdict = verdictOnRun(end, by);
    expect(verdict === 'give_back' ? verdict : verdict.kind).toBe(expected);
  });

  it('that reports what cannot be is not believed', () => {
    expect(() => verdictOnRun({ kind: 'failed', status: 200, detail: [] }, neither)).toThrow();
    expect(() => verdictOnRun({ kind: 'done', file: { ...file, bytes: 0 } }, neither)).toThrow();
  });
});

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=2-', { start: 2, end: 9 }],
    ['bytes=2-99', { start: 2, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-2', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,4-5', undefined],
    ['lines=0-1', undefined],
    [undefined, undefined],
  ])('%s of 10 bytes is %o', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });

  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ['*', true],
    ['"b"', false],
    [undefined, false],
  ])('If-None-Match %s', (header, expected) => {
    expect(namesTag(header, '"a"')).toBe(expected);
  });
});

describe('a webhook', () => {
  it.each([
    [{ status: 200 }, 'delivered'],
    [{ status: 204 }, 'delivered'],
    [{ status: 302 }, 'give_up'],
    [{ status: 404 }, 'retry'],
    [{ status: 500 }, 'retry'],
    ['no_answer', 'retry'],
  ] as const)('answered %o: %s', (result, verdict) => {
    expect(verdictOn(result)).toBe(verdict);
  });

  it('is tried for about an hour, then no more', () => {
    let now = 0;
    let attempts = 1;
    for (let at = nextTryAt(attempts, now); at !== undefined; at = nextTryAt(attempts, now)) {
      expect(at).toBeGreaterThan(now);
      now = at;
      attempts += 1;
    }
    expect(attempts).toBe(RETRY_DELAYS_MS.length + 1);
    expect(now).toBeGreaterThan(50 * 60_000);
    expect(now).toBeLessThan(70 * 60_000);
    expect([deliveryTimeoutMs(0), deliveryTimeoutMs(1)]).toEqual([15_000, 120_000]);
  });

  it.each([
    ['http://127.0.0.1:8787/x', true],
    ['http://127.1/x', true],
    ['http://localhost/x', true],
    ['https://[::1]:1/x', true],
    ['http://127.0.0.1.nip.io/x', false],
    ['http://10.0.0.1/x', false],
    ['http://[::ffff:10.0.0.1]/', false],
    ['http://user:pass@127.0.0.1/', false],
    ['https://example.com/', false],
    ['file:///etc/passwd', false],
    ['localhost', false],
  ])('to %s is on this machine: %s', (url, expected) => {
    expect(isLoopbackUrl(url)).toBe(expected);
  });
});
