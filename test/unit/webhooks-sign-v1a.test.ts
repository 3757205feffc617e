import { createPublicKey, verify } from 'node:crypto';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { KeptKeys, MAX_KEPT_KEYS, WebhookSecretError } from '../../src/worker/webhooks/key-text.ts';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import {
  newSigningKeyPair,
  publicKeyBytes,
  publicKeyOf,
  signV1a,
} from '../../src/worker/webhooks/sign-v1a.ts';
import vectors from '../support/vectors/standard-webhooks.json' with { type: 'json' };

const MESSAGE = { id: 'evt_1', timestamp: 1_790_812_800, body: '{"text":"Füchse 🦊"}' };
const WHSK = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';

/** OpenSSL's opinion, with the key as a JWK. */
function verifies(publicKey: string, signature: string, { id, timestamp, body } = MESSAGE): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const [scheme, base64 = ''] = signature.split(',');
  if (scheme !== 'v1a') return false;
  return verify(null, Buffer.from(`${id}.${timestamp}.${body}`), key, Buffer.from(base64, 'base64'));
}

describe('the published vectors', () => {
  const v1a = vectors.filter((vector) => vector.scheme === 'v1a');

  it('are there', () => expect(v1a).toHaveLength(1));

  it.each(v1a)('$id', async ({ secret, id, timestamp, body, signature, public: publicKey = '' }) => {
    expect(await signV1a(secret, { id, timestamp, body })).toBe(signature);
    expect(publicKeyOf(secret)).toBe(publicKey);
    expect(verifies(publicKey, signature, { id, timestamp, body })).toBe(true);
  });
});

describe('keys', () => {
  it('made by us differ, are of the standard form, and what they sign verifies', async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, newSigningKeyPair));
    expect(new Set(pairs.map(({ secret }) => secret)).size).toBe(20);
    for (const { secret, publicKey } of pairs) {
      expect(secret).toMatch(/^whsk_[A-Za-z0-9+/]{86}==$/);
      expect(publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
      expect(publicKeyOf(secret)).toBe(publicKey);
      expect(publicKeyBytes(publicKey)).toHaveLength(32);
      expect(verifies(publicKey, await signV1a(secret, MESSAGE))).toBe(true);
    }
  });

  it('sign for their own public key alone, and each message for itself alone', async () => {
    const [one, other] = await Promise.all([newSigningKeyPair(), newSigningKeyPair()]);
    const signature = await signV1a(one.secret, MESSAGE);
    expect(verifies(other.publicKey, signature)).toBe(false);
    for (const changed of [{ id: 'evt_2' }, { timestamp: MESSAGE.timestamp + 1 }, { body: '{}' }]) {
      expect(verifies(one.publicKey, signature, { ...MESSAGE, ...changed })).toBe(false);
    }
  });

  it('without padding are the same keys', async () => {
    expect(await signV1a(WHSK.replace(/=+$/, ''), MESSAGE)).toBe(await signV1a(WHSK, MESSAGE));
    expect(publicKeyOf(WHSK.replace(/=+$/, ''))).toBe(publicKeyOf(WHSK));
  });

  it.each([
    ['', 'starts with "whsk_"'],
    [newWebhookSecret(), 'this is a webhook secret of scheme v1'],
    [publicKeyOf(WHSK), 'this is a webhook public key of scheme v1a'],
    ['whsk_', 'and base64'],
    ['whsk_%', 'and base64'],
    [`${WHSK}\n`, 'and base64'],
    ['whsk_6Xb/dCcHpPea21PS1N9V', 'has 64 bytes, not 15'],
    [`whsk_${Buffer.alloc(32, 7).toString('base64')}`, 'has 64 bytes, not 32'],
    [`whsk_${Buffer.alloc(65, 7).toString('base64')}`, 'has 64 bytes, not 65'],
    // The seed of one key and the public half of none.
    [`whsk_${Buffer.alloc(64, 7).toString('base64')}`, 'and its own public key'],
  ])('refuses %j and does not repeat it', async (secret, reason) => {
    const signing = signV1a(secret, MESSAGE);
    await expect(signing).rejects.toThrow(WebhookSecretError);
    await expect(signing).rejects.toThrow(reason);
    const payload = secret.replace(/^wh[a-z]+_/, '');
    if (payload.length > 5) await expect(signing).rejects.not.toThrow(payload);
  });

  it.each(['whpk_', 'whpk_AAAA', WHSK, 'whpk_%', ''])('refuses the public key %j', (text) => {
    expect(() => publicKeyBytes(text)).toThrow(WebhookSecretError);
  });
});

describe('headers of both schemes', () => {
  it('carry every secret once, those of v1 first, and verify by the libraries that know v1 alone', async () => {
    const [old, fresh] = [newWebhookSecret(), newWebhookSecret()];
    const [oldPair, freshPair] = await Promise.all([newSigningKeyPair(), newSigningKeyPair()]);
    const message = { ...MESSAGE, timestamp: Math.floor(Date.now() / 1_000) };
    const headers = await webhookHeaders([freshPair.secret, fresh, oldPair.secret, old], message);
    const signatures = headers['webhook-signature'].split(' ');
    expect(signatures.map((signature) => signature.split(',')[0])).toEqual(['v1', 'v1', 'v1a', 'v1a']);
    expect(verifies(freshPair.publicKey, signatures[2] ?? '', message)).toBe(true);
    expect(verifies(oldPair.publicKey, signatures[3] ?? '', message)).toBe(true);
    for (const secret of [old, fresh]) {
      expect(new StandardWebhook(secret).verify(message.body, { ...headers })).toEqual({ text: 'Füchse 🦊' });
      expect(new SvixWebhook(secret).verify(message.body, { ...headers })).toEqual({ text: 'Füchse 🦊' });
    }
  });

  it('may be of v1a alone', async () => {
    const headers = await webhookHeaders([WHSK], MESSAGE);
    expect(verifies(publicKeyOf(WHSK), headers['webhook-signature'])).toBe(true);
  });

  it.each(['evt.1', ''])('refuse the id %j for v1a too', async (id) => {
    await expect(webhookHeaders([WHSK], { ...MESSAGE, id })).rejects.toThrow(/webhook id/);
  });
});

describe('imported keys', () => {
  const text = (n: number) => `whsec_${n}`;
  function counted() {
    const imported: string[] = [];
    const kept = new KeptKeys(async (name) => {
      imported.push(name);
      if (name === 'bad') throw new WebhookSecretError('bad');
      return { name } as unknown as CryptoKey;
    });
    return { imported, kept };
  }

  it('are imported once while they are used', async () => {
    const { imported, kept } = counted();
    const first = await kept.key('a');
    expect(await kept.key('a')).toBe(first);
    expect(imported).toEqual(['a']);
  });

  it('are bounded: the longest unused goes first', async () => {
    const { imported, kept } = counted();
    await kept.key('used');
    for (let n = 0; n < 2 * MAX_KEPT_KEYS; n++) {
      await kept.key(text(n));
      await kept.key('used');
    }
    expect(kept.size).toBe(MAX_KEPT_KEYS);
    expect(imported.filter((name) => name === 'used')).toHaveLength(1);
    await kept.key(text(0));
    expect(imported.filter((name) => name === text(0))).toHaveLength(2);
  });

  it('that cannot be imported are not kept', async () => {
    const { kept } = counted();
    await expect(kept.key('bad')).rejects.toThrow(WebhookSecretError);
    expect(kept.size).toBe(0);
  });
});
