/** Key sets from an address, on a clock and a network of the test's own. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FetchLike, VerifyOptions } from '../../src/client/verify-webhook.ts';
import { verifyWebhook } from '../../src/client/verify-webhook.ts';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair, type SigningKeyPair } from '../../src/worker/webhooks/sign-v1a.ts';
import { outcomeOf, type WebhookVector } from '../support/webhook-vectors.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const BODY = '{"type":"job.completed"}';
const SECRET = newWebhookSecret();
const [OLD, NEW, STRANGER] = (await Promise.all([1, 2, 3].map(newSigningKeyPair))) as [
  SigningKeyPair,
  SigningKeyPair,
  SigningKeyPair,
];

const BELIEVED = { valid: true, scheme: 'v1a' };
const refusedAs = (code: string) => ({ valid: false, code });

function setOf(...pairs: readonly SigningKeyPair[]): object {
  return {
    keys: pairs.map(({ publicKey }) => ({
      kty: 'OKP',
      crv: 'Ed25519',
      x: Buffer.from(publicKey.slice(5), 'base64').toString('base64url'),
    })),
  };
}

let worlds = 0;

/** A receiver with a clock, and the server of a key set. Each has an address of its own. */
function world(served: () => unknown = () => setOf(OLD)) {
  const jwks = `https://keys-${worlds++}.test/jwks.json`;
  const clock = { now: 1_790_000_000_000 };
  const state = { served, asked: 0 };
  const fetcher: FetchLike = async (url, init) => {
    state.asked += 1;
    expect([url, init.redirect, init.signal.aborted]).toEqual([jwks, 'manual', false]);
    const answer = await state.served();
    if (answer instanceof Response) return answer;
    return Response.json(answer);
  };
  /** What becomes of a webhook that is sent now. */
  async function hears(
    secrets: readonly string[],
    more: VerifyOptions = {},
  ): Promise<WebhookVector['expect']> {
    const { now } = clock;
    const message = { id: 'evt_1', timestamp: Math.floor(now / SECOND_MS), body: BODY };
    const headers = { ...(await webhookHeaders(secrets, message)) };
    return outcomeOf(() => verifyWebhook({ headers, body: BODY }, { jwks, fetch: fetcher, now, ...more }));
  }
  return {
    jwks,
    clock,
    state,
    hears,
    from: (pair: SigningKeyPair, more?: VerifyOptions) => hears([pair.secret], more),
  };
}

describe('keys at an address', () => {
  it('are fetched once in five minutes', async () => {
    const { clock, state, from } = world();
    for (let minute = 0; minute <= 5; minute++) {
      expect(await from(OLD)).toEqual(BELIEVED);
      clock.now += MINUTE_MS;
    }
    expect(state.asked).toBe(1);
    expect(await from(OLD)).toEqual(BELIEVED);
    expect(state.asked).toBe(2);
  });

  it('are fetched once for all who ask at the same time', async () => {
    const { state, from } = world();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => from(OLD)));
    expect(outcomes).toEqual(outcomes.map(() => BELIEVED));
    expect(state.asked).toBe(1);
  });

  it('are asked for anew when none matches, so that a new key is known at once', async () => {
    const { clock, state, from } = world();
    expect(await from(OLD)).toEqual(BELIEVED);
    state.served = () => setOf(NEW);
    clock.now += MINUTE_MS;
    const outcomes = await Promise.all([from(NEW), from(NEW), from(NEW)]);
    expect([outcomes, state.asked]).toEqual([[BELIEVED, BELIEVED, BELIEVED], 2]);
  });

  it('are asked for once a minute at most, whatever strangers send', async () => {
    const { clock, state, from } = world();
    expect(await from(OLD)).toEqual(BELIEVED);
    for (let second = 1; second < 180; second++) {
      clock.now += SECOND_MS;
      expect(await from(STRANGER)).toEqual(refusedAs('no_match'));
    }
    expect(state.asked).toBe(3);
  });

  it('believe a key that was taken back for five minutes at most', async () => {
    const { clock, state, from } = world(() => setOf(NEW, OLD));
    expect(await from(OLD)).toEqual(BELIEVED);
    state.served = () => setOf(NEW);
    clock.now += 5 * MINUTE_MS;
    expect(await from(OLD)).toEqual(BELIEVED);
    clock.now += 1;
    expect(await from(OLD)).toEqual(refusedAs('no_match'));
  });

  it('are used for an hour while they cannot be fetched', async () => {
    const { clock, state, from } = world();
    expect(await from(OLD)).toEqual(BELIEVED);
    state.served = () => new Response('down', { status: 503 });
    clock.now += HOUR_MS;
    expect(await from(OLD)).toEqual(BELIEVED);
    clock.now += MINUTE_MS;
    expect(await from(OLD)).toEqual(refusedAs('jwks_unavailable'));
    state.served = () => setOf(OLD);
    clock.now += MINUTE_MS;
    expect(await from(OLD)).toEqual(BELIEVED);
  });

  it('are not asked for by who has not even signed so, nor when another key matches', async () => {
    const { state, hears } = world();
    expect(await hears([SECRET])).toEqual(refusedAs('no_match'));
    expect(await hears([SECRET, OLD.secret], { secret: SECRET })).toEqual({ valid: true, scheme: 'v1' });
    expect(await hears([NEW.secret], { publicKey: NEW.publicKey })).toEqual(BELIEVED);
    expect(state.asked).toBe(0);
  });

  it('are fetched when the clock was set back by hours', async () => {
    const { clock, state, from } = world();
    expect(await from(OLD)).toEqual(BELIEVED);
    clock.now -= 2 * HOUR_MS;
    expect([await from(OLD), state.asked]).toEqual([BELIEVED, 2]);
  });

  it('may be named by a URL, also by one of this machine', async () => {
    const { jwks, from } = world();
    expect(await from(OLD, { jwks: new URL(jwks) })).toEqual(BELIEVED);
    for (const local of ['http://127.0.0.1:8787/a', 'http://localhost:8787/b', 'http://[::1]:8787/c']) {
      const fetch: FetchLike = async () => Response.json(setOf(OLD));
      expect(await from(OLD, { jwks: local, fetch })).toEqual(BELIEVED);
    }
  });

  it('of many addresses are kept for some', async () => {
    const first = world();
    expect(await first.from(OLD)).toEqual(BELIEVED);
    for (let tenant = 0; tenant < 100; tenant++) expect(await world().from(OLD)).toEqual(BELIEVED);
    expect([await first.from(OLD), first.state.asked]).toEqual([BELIEVED, 2]);
  });
});

describe('an address without keys', () => {
  afterEach(() => void vi.useRealTimers());

  it.each<[string, () => unknown]>([
    ['404', () => new Response('', { status: 404 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { Location: 'https://evil.test/' } })],
    ['no JSON', () => new Response('<html>')],
    ['null', () => null],
    ['an empty set', () => ({ keys: [] })],
    ['keys of another kind', () => ({ keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] })],
    ['more than any set has', () => new Response(' '.repeat(65_537))],
    ['a broken connection', () => Promise.reject(new TypeError('fetch failed'))],
  ])('%s: the sender may try again', async (_what, served) => {
    const { clock, state, from } = world(served);
    expect(await from(OLD)).toEqual(refusedAs('jwks_unavailable'));
    // Not by everything that comes, and soon.
    clock.now += 4 * SECOND_MS;
    expect([await from(OLD), state.asked]).toEqual([refusedAs('jwks_unavailable'), 1]);
    state.served = () => setOf(OLD);
    clock.now += SECOND_MS;
    expect([await from(OLD), state.asked]).toEqual([BELIEVED, 2]);
  });

  it('says so with 503 when a stranger may be the new key', async () => {
    const { clock, state, from } = world();
    expect(await from(OLD)).toEqual(BELIEVED);
    state.served = () => new Response('', { status: 500 });
    clock.now += MINUTE_MS;
    expect(await from(NEW)).toEqual(refusedAs('jwks_unavailable'));
    expect(await from(OLD)).toEqual(BELIEVED);
  });

  it('does not keep a fetch that was given up', async () => {
    const { clock, state, from } = world(() => new Promise(() => undefined));
    // The one that asks is dropped by its runtime: nobody hears of it again.
    void from(OLD);
    await expect.poll(() => state.asked).toBe(1);
    state.served = () => setOf(OLD);
    clock.now += 5_001;
    expect([await from(OLD), state.asked]).toEqual([BELIEVED, 2]);
  });

  it('does not hold up others for longer than a fetch may take', async () => {
    const { state, from } = world(() => new Promise(() => undefined));
    void from(OLD);
    await expect.poll(() => state.asked).toBe(1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const waiting = from(OLD);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 0 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await waiting).toEqual(refusedAs('jwks_unavailable'));
    expect([state.asked, vi.getTimerCount()]).toEqual([1, 0]);
  });
});
