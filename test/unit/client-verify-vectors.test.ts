import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyWebhook } from '../../src/client/verify-webhook.ts';
import published from '../support/vectors/standard-webhooks.json' with { type: 'json' };
import {
  bodyOf,
  formsOf,
  INVALID,
  optionsOf,
  outcomeOf,
  SIGNING_KEYS,
  VALID,
  VECTORS,
  type WebhookVector,
} from '../support/webhook-vectors.ts';

describe('the vectors', () => {
  it('are many, of both kinds, and each has a name of its own', () => {
    expect(VALID.length).toBeGreaterThanOrEqual(40);
    expect(INVALID.length).toBeGreaterThanOrEqual(100);
    expect(new Set(VECTORS.map(({ name }) => name)).size).toBe(VECTORS.length);
  });

  it('begin with those that the standard has published', () => {
    const signatures = VALID.slice(0, published.length).map(({ headers }) => headers['webhook-signature']);
    expect(signatures).toEqual(published.map(({ signature }) => signature));
  });

  it.each(VECTORS)('$name: $expect', async (vector) => {
    for (const [form, webhook] of formsOf(vector)) {
      const outcome = await outcomeOf(() => verifyWebhook(webhook, optionsOf(vector)));
      expect(outcome, form).toEqual(vector.expect);
    }
  });
});

/** The headers by their names in small letters. */
function headersOf(vector: WebhookVector): Record<string, string> {
  return Object.fromEntries(
    Object.entries(vector.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

function signedOf(vector: WebhookVector): Buffer {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp } = headersOf(vector);
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bodyOf(vector)]);
}

const signaturesOf = (vector: WebhookVector) => (headersOf(vector)['webhook-signature'] ?? '').split(' ');

/** What goes before the 32 bytes of a key in DER (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

function publicKey(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
}

describe('valid vectors, computed again with node:crypto', () => {
  it.each(VALID.filter(({ expect: { scheme } }) => scheme === 'v1'))('$name', (vector) => {
    const own = (vector.keys.secrets ?? []).map((secret) => {
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
      return `v1,${createHmac('sha256', key).update(signedOf(vector)).digest('base64')}`;
    });
    expect(signaturesOf(vector).some((signature) => own.includes(signature))).toBe(true);
  });

  it.each(VALID.filter(({ expect: { scheme } }) => scheme === 'v1a'))('$name', (vector) => {
    const { public_keys = [], jwks } = vector.keys;
    const keys = [
      ...public_keys.map((key) => Buffer.from(key.replace('whpk_', ''), 'base64')),
      ...(jwks?.keys ?? []).flatMap((jwk) =>
        'x' in jwk &&
        'crv' in jwk &&
        jwk.crv === 'Ed25519' &&
        typeof jwk.x === 'string' &&
        jwk.x.length === 43
          ? [Buffer.from(jwk.x, 'base64url')]
          : [],
      ),
    ];
    const right = signaturesOf(vector).filter(
      (signature) =>
        signature.startsWith('v1a,') &&
        keys.some((key) =>
          verify(null, signedOf(vector), publicKey(key), Buffer.from(signature.slice(4), 'base64')),
        ),
    );
    expect(right.length).toBeGreaterThan(0);
    // Of the keys that have a private half here, a signer makes the very same signature.
    const made = Object.values(SIGNING_KEYS).map((text) => {
      const seed = Buffer.from(text.slice(5), 'base64').subarray(0, 32);
      const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
      return `v1a,${sign(null, signedOf(vector), key).toString('base64')}`;
    });
    expect(made).toEqual(expect.arrayContaining(right));
  });
});

describe('the signing keys', () => {
  it.each(Object.entries(SIGNING_KEYS))('%s has its private half', (whpk, whsk) => {
    expect(whpk).toBe(`whpk_${Buffer.from(whsk.slice(5), 'base64').subarray(32).toString('base64')}`);
  });
});

/** Where we are stricter than the libraries, and what they do instead. */
const STRICTER: Readonly<Record<string, string>> = {
  bad_timestamp: 'they read the number at the beginning',
  bad_id: 'they take any id',
  bad_secret: 'they take secrets of any length',
  bad_body: 'they take any JSON, and nothing',
};

describe.each([
  ['standardwebhooks', StandardWebhook],
  ['svix', SvixWebhook],
] as const)('beside %s', (_name, Library) => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  // Neither knows `v1a`, and each takes one secret and a text.
  const comparable = VECTORS.filter(({ keys, body }) => keys.secrets?.length === 1 && body !== undefined);
  const isStricter = ({ expect: { code } }: WebhookVector) => String(code) in STRICTER;

  function theyBelieve(vector: WebhookVector): boolean {
    vi.setSystemTime(vector.now * 1_000);
    try {
      new Library(String(vector.keys.secrets?.[0])).verify(String(vector.body), vector.headers);
      return true;
    } catch {
      return false;
    }
  }

  it.each(comparable.filter((vector) => !isStricter(vector)))('both decide alike: $name', (vector) => {
    expect(theyBelieve(vector)).toBe(vector.expect.scheme === 'v1');
  });

  it.each(Object.entries(STRICTER))('%s: %s', (code) => {
    const vectors = comparable.filter((vector) => vector.expect.code === code);
    expect(vectors.filter(theyBelieve).length).toBeGreaterThan(0);
  });
});
