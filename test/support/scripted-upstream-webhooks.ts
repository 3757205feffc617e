/** Signs webhooks as fal does: Ed25519 over `request_id \n user_id \n timestamp \n hex(sha256(body))`. */

/** DER before the 32-byte seed of a PKCS #8 Ed25519 private key (RFC 8410 §7). */
const PKCS8_PREFIX = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

const FAL_USER_ID = 'user_scripted';

const encoder = new TextEncoder();

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A key made from a number, the same in every run: isolates cache a JWKS, so all tests of one isolate must meet the
 * same first key.
 */
async function keyOf(generation: number): Promise<{ key: CryptoKey; x: string }> {
  const pkcs8 = new Uint8Array(PKCS8_PREFIX.length + 32).fill(generation);
  pkcs8.set(PKCS8_PREFIX);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'Ed25519' }, true, ['sign']);
  const jwk = (await crypto.subtle.exportKey('jwk', key)) as JsonWebKey;
  if (jwk.x === undefined) throw new TypeError('an Ed25519 key without x');
  return { key, x: jwk.x };
}

/** What may be wrong with a webhook. */
export interface SigningFaults {
  /** Signed with a key that is in no JWKS. */
  readonly forged?: boolean;
  /** Seconds by which the timestamp lies in the past; negative: in the future. */
  readonly ageS?: number;
}

/** The signing side of the scripted upstream. */
export class WebhookSigner {
  #generation = 1;

  /** From now on another key signs; the JWKS lists it alone. */
  rotate(): void {
    this.#generation++;
  }

  /** The body of `/.well-known/jwks.json`: a key of another kind, one that is broken, and ours. */
  async jwks(): Promise<unknown> {
    const { x } = await keyOf(this.#generation);
    return {
      keys: [
        { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
        { kty: 'OKP', crv: 'Ed25519', x: '!' },
        { kty: 'OKP', crv: 'Ed25519', x, kid: `scripted-${this.#generation}` },
      ],
    };
  }

  /** A signed POST to `url`. */
  async request(url: string, requestId: string, body: string, faults: SigningFaults = {}): Promise<Request> {
    const timestamp = String(Math.floor(Date.now() / 1_000 - (faults.ageS ?? 0)));
    const digest = hex(await crypto.subtle.digest('SHA-256', encoder.encode(body)));
    const message = [requestId, FAL_USER_ID, timestamp, digest].join('\n');
    const { key } = await keyOf(faults.forged ? 255 : this.#generation);
    return new Request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-fal-webhook-request-id': requestId,
        'x-fal-webhook-user-id': FAL_USER_ID,
        'x-fal-webhook-timestamp': timestamp,
        'x-fal-webhook-signature': hex(await crypto.subtle.sign('Ed25519', key, encoder.encode(message))),
      },
      body,
    });
  }
}
