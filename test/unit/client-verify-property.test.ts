/** Any webhook that is signed is believed, and with any one bit changed it is not. */

import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fromBase64, utf8 } from '../../src/client/bytes.ts';
import { verifyWebhook } from '../../src/client/verify-webhook.ts';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair } from '../../src/worker/webhooks/sign-v1a.ts';
import { soakOr } from '../support/soak.ts';
import { outcomeOf } from '../support/webhook-vectors.ts';

// Only a hang fails a test.
vi.setConfig({ testTimeout: 120_000 });

const RUNS = { numRuns: soakOr(4_000, 400) };
const SECRET = newWebhookSecret();
const PAIR = await newSigningKeyPair();
const SCHEMES = {
  v1: { signs: SECRET, verifies: { secret: SECRET } },
  v1a: { signs: PAIR.secret, verifies: { publicKey: PAIR.publicKey } },
} as const;

const ids = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
/** Unix seconds, years 1970 to 2600. */
const times = fc.nat(20_000_000_000);
const events = fc
  .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }))
  .chain((event) => fc.constantFrom(JSON.stringify(event), JSON.stringify(event, null, 2)));
const schemes = fc.constantFrom('v1' as const, 'v1a' as const);
const messages = fc.record({ id: ids, timestamp: times, body: events, scheme: schemes });
type Message = typeof messages extends fc.Arbitrary<infer T> ? T : never;

async function webhookOf({ id, timestamp, body, scheme }: Message) {
  const headers = await webhookHeaders([SCHEMES[scheme].signs], { id, timestamp, body });
  return { webhook: { headers: { ...headers }, body: utf8(body) }, now: timestamp * 1_000 };
}

/** `bytes` with the bit at `place`, counted round. */
function flipped(bytes: Uint8Array, place: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const bit = place % (copy.length * 8);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

/** A header with one bit of its text changed. */
function flippedText(text: string, place: number): string {
  return String.fromCharCode(...flipped(utf8(text), place));
}

describe('the verifier', () => {
  it('believes whatever we sign', async () => {
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const { webhook, now } = await webhookOf(message);
        const { id, sentAt, scheme, body } = await verifyWebhook(webhook, {
          ...SCHEMES[message.scheme].verifies,
          now,
        });
        expect({ id, timestamp: sentAt, scheme, body }).toEqual(message);
      }),
      RUNS,
    );
  });

  const changes = {
    body: ({ webhook }: Awaited<ReturnType<typeof webhookOf>>, place: number) => ({
      ...webhook,
      body: flipped(webhook.body, place),
    }),
    ...Object.fromEntries(
      (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const).map((name) => [
        name,
        ({ webhook }: Awaited<ReturnType<typeof webhookOf>>, place: number) => ({
          ...webhook,
          headers: { ...webhook.headers, [name]: flippedText(webhook.headers[name], place) },
        }),
      ]),
    ),
  };

  it.each(Object.entries(changes))(
    'does not believe it with one bit of the %s changed',
    async (_what, change) => {
      await fc.assert(
        fc.asyncProperty(messages, fc.nat(), async (message, place) => {
          const signed = await webhookOf(message);
          const options = { ...SCHEMES[message.scheme].verifies, now: signed.now };
          const changed = change(signed, place);
          expect(changed).not.toEqual(signed.webhook);
          const outcome = await outcomeOf(() => verifyWebhook(changed, options));
          expect(outcome).toMatchObject({
            valid: false,
            code: expect.stringMatching(/^(no_match|bad_id|bad_timestamp|too_old|too_new)$/),
          });
        }),
        RUNS,
      );
    },
  );

  it('does not believe it with one bit of the key changed', async () => {
    await fc.assert(
      fc.asyncProperty(messages, fc.nat(), async (message, place) => {
        const { webhook, now } = await webhookOf(message);
        const changed = (text: string) =>
          Buffer.from(
            flipped(fromBase64(text.slice(text.indexOf('_') + 1)) ?? new Uint8Array(), place),
          ).toString('base64');
        const options =
          message.scheme === 'v1' ? { secret: changed(SECRET) } : { publicKey: changed(PAIR.publicKey) };
        const outcome = await outcomeOf(() => verifyWebhook(webhook, { ...options, now }));
        expect(outcome).toMatchObject({ valid: false, code: expect.stringMatching(/^(no_match|bad_key)$/) });
      }),
      RUNS,
    );
  });

  it('answers any headers and any bytes with a code of its own', async () => {
    const anything = fc.record({
      headers: fc.record(
        {
          'webhook-id': fc.string({ unit: 'binary' }),
          'webhook-timestamp': fc.oneof(fc.string(), fc.nat(10).map(String)),
          'webhook-signature': fc.oneof(
            fc.string({ unit: 'binary' }),
            fc
              .array(fc.tuple(fc.constantFrom('v1', 'v1a', 'v2', ''), fc.base64String()))
              .map((items) => items.map((item) => item.join()).join(' ')),
          ),
        },
        { requiredKeys: [] },
      ),
      body: fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' })),
    });
    await fc.assert(
      fc.asyncProperty(anything, async (webhook) => {
        const options = { secret: SECRET, publicKey: PAIR.publicKey, now: 0 };
        const outcome = await outcomeOf(() =>
          verifyWebhook(webhook as Parameters<typeof verifyWebhook>[0], options),
        );
        expect(outcome.valid).toBe(false);
        expect(outcome.code).toMatch(/^(missing_header|no_match|bad_id|bad_timestamp|too_new)$/);
      }),
      RUNS,
    );
  });
});
