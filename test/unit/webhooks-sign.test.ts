import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  newWebhookSecret,
  signV1,
  WebhookSecretError,
  webhookHeaders,
} from '../../src/worker/webhooks/sign.ts';
import vectors from '../support/vectors/standard-webhooks.json' with { type: 'json' };

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const nowS = () => Math.floor(Date.now() / 1_000);

/** Every judge that a receiver may use, by name. */
const judges = {
  standardwebhooks: (secret: string) => new StandardWebhook(secret),
  svix: (secret: string) => new SvixWebhook(secret),
};

describe('the published vectors', () => {
  const v1 = vectors.filter((vector) => vector.scheme === 'v1');

  it('are there', () => expect(v1).toHaveLength(2));

  it.each(v1)('$id', async ({ secret, id, timestamp, body, signature }) => {
    expect(await signV1(secret, { id, timestamp, body })).toBe(signature);
  });
});

describe.each(Object.entries(judges))('judged by %s', (_name, judge) => {
  it.each([
    ['plain JSON', '{"type":"job.completed","data":{}}'],
    ['text beyond ASCII', '{"prompt":"Füchse 🦊 im Schnee \\u0000"}'],
    ['an empty object', '{}'],
    ['stops and commas', '{"a.b":"v1,x v2,y"}'],
    ['20 kB', JSON.stringify({ text: 'x'.repeat(20_000) })],
  ])('%s verifies', async (_title, body) => {
    const secret = newWebhookSecret();
    const headers = await webhookHeaders([secret], { id: 'evt_1', timestamp: nowS(), body });
    expect(judge(secret).verify(body, { ...headers })).toEqual(JSON.parse(body));
  });

  it.each([24, 25, 26, 32, 63, 64])('a secret of %i bytes verifies', async (length) => {
    const secret = `whsec_${Buffer.alloc(length, 0xfb).toString('base64')}`;
    const headers = await webhookHeaders([secret], { id: 'evt_1', timestamp: nowS(), body: '{}' });
    expect(() => judge(secret).verify('{}', { ...headers })).not.toThrow();
  });

  it('while a secret is rotated, the old and the new one verify, and a third does not', async () => {
    const [old, fresh, other] = [newWebhookSecret(), newWebhookSecret(), newWebhookSecret()];
    const headers = await webhookHeaders([fresh, old], { id: 'evt_1', timestamp: nowS(), body: '{}' });
    expect(headers['webhook-signature'].split(' ')).toHaveLength(2);
    expect(() => judge(old).verify('{}', { ...headers })).not.toThrow();
    expect(() => judge(fresh).verify('{}', { ...headers })).not.toThrow();
    expect(() => judge(other).verify('{}', { ...headers })).toThrow();
  });

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const)(
    'a changed %s does not verify',
    async (header) => {
      const headers: Record<string, string> = {
        ...(await webhookHeaders([SECRET], { id: 'evt_1', timestamp: nowS(), body: '{}' })),
      };
      headers[header] =
        header === 'webhook-timestamp' ? `${Number(headers[header]) - 1}` : `${headers[header]}x`;
      if (header === 'webhook-signature') headers[header] = 'v1,AAAA';
      expect(() => judge(SECRET).verify('{}', headers)).toThrow();
    },
  );

  it('a changed body does not verify', async () => {
    const headers = await webhookHeaders([SECRET], { id: 'evt_1', timestamp: nowS(), body: '{}' });
    expect(() => judge(SECRET).verify('{ }', { ...headers })).toThrow();
  });

  it.each([-301, 301])('a time %i s off does not verify', async (offset) => {
    // The clock stands still: a second later the one ahead would be near enough.
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const headers = await webhookHeaders([SECRET], { id: 'evt_1', timestamp: nowS() + offset, body: '{}' });
    expect(() => judge(SECRET).verify('{}', { ...headers })).toThrow();
  });
});

describe('secrets', () => {
  it('takes base64 without padding for the same secret', async () => {
    const bytes = Buffer.alloc(32, 7).toString('base64');
    const message = { id: 'evt_1', timestamp: 1, body: '{}' };
    expect(await signV1(`whsec_${bytes}`, message)).toBe(
      await signV1(`whsec_${bytes.replace(/=+$/, '')}`, message),
    );
  });

  it.each([
    ['', 'starts with "whsec_"'],
    ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'starts with "whsec_"'],
    ['WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'starts with "whsec_"'],
    ['whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=', 'this is a webhook public key of scheme v1a'],
    ['whsk_6Xb/dCcHpPea21PS1N9V', 'this is a webhook signing key of scheme v1a'],
    ['whsec_', 'and base64'],
    ['whsec_%', 'and base64'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n', 'and base64'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-', 'and base64'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA', 'and base64'],
    ['whsec_wronglength=', '24 to 64 bytes, not'],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, '24 to 64 bytes, not 23'],
    [`whsec_${Buffer.alloc(65).toString('base64')}`, '24 to 64 bytes, not 65'],
  ])('refuses %j and does not repeat it', async (secret, reason) => {
    const signing = signV1(secret, { id: 'evt_1', timestamp: 1, body: '{}' });
    await expect(signing).rejects.toThrow(WebhookSecretError);
    await expect(signing).rejects.toThrow(reason);
    const payload = secret.replace(/^wh[a-z]+_/, '');
    if (payload.length > 5) await expect(signing).rejects.not.toThrow(payload);
  });

  it('makes secrets that differ and have 32 bytes', () => {
    const made = Array.from({ length: 50 }, newWebhookSecret);
    expect(new Set(made).size).toBe(50);
    for (const secret of made) expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
  });

  it('refuses to send unsigned', async () => {
    await expect(webhookHeaders([], { id: 'evt_1', timestamp: 1, body: '{}' })).rejects.toThrow(TypeError);
  });
});

describe('what is signed can be read in one way only', () => {
  it.each(['', 'evt.1', 'evt 1', 'evt\n1', 'évt', 'x'.repeat(256)])('refuses the id %j', async (id) => {
    await expect(signV1(SECRET, { id, timestamp: 1, body: '{}' })).rejects.toThrow(/webhook id/);
  });

  it.each([1.5, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the timestamp %d', async (timestamp) => {
    await expect(signV1(SECRET, { id: 'evt_1', timestamp, body: '{}' })).rejects.toThrow(/timestamp/);
  });
});
