import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

/** The account that the engine's webhooks name: it has one user. */
const USER_ID = 'local';

const publicJwkSchema = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });

/** The public half of a key, as the JWKS lists it. */
export type PublicJwk = z.infer<typeof publicJwkSchema> & { kid: string; use: 'sig'; alg: 'EdDSA' };

/** The four headers that fal signs a webhook with. */
export type SignatureHeaders = Readonly<Record<`x-fal-webhook-${string}`, string>>;

/** Signs webhooks as fal does: Ed25519, with a key that was made at the first start and stays with the data. */
export class WebhookSigner {
  readonly #key: KeyObject;
  /** What receivers verify with: the body of `/.well-known/jwks.json`. */
  readonly jwks: { readonly keys: readonly PublicJwk[] };

  constructor(key: KeyObject, kid: string) {
    this.#key = key;
    const { kty, crv, x } = publicJwkSchema.parse(key.export({ format: 'jwk' }));
    this.jwks = { keys: [{ kty, crv, x, kid, use: 'sig', alg: 'EdDSA' }] };
  }

  /** The headers for one try at `now`. The message is `request id \n user \n seconds \n hex(sha256(body))`. */
  sign(requestId: string, body: string, now: number): SignatureHeaders {
    const timestamp = String(Math.floor(now / 1_000));
    const digest = createHash('sha256').update(body).digest('hex');
    const message = [requestId, USER_ID, timestamp, digest].join('\n');
    return {
      'x-fal-webhook-request-id': requestId,
      'x-fal-webhook-user-id': USER_ID,
      'x-fal-webhook-timestamp': timestamp,
      'x-fal-webhook-signature': sign(null, Buffer.from(message), this.#key).toString('hex'),
    };
  }
}

/** The signer of this data directory; its key is made where there is none yet. */
export function loadSigner(database: DatabaseSync, now: number): WebhookSigner {
  const stored = database.prepare('SELECT kid, private_key FROM signing_keys LIMIT 1').get();
  if (stored !== undefined) {
    const { kid, private_key } = z.object({ kid: z.string(), private_key: z.string() }).parse(stored);
    return new WebhookSigner(createPrivateKey(private_key), kid);
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  const kid = randomUUID();
  database
    .prepare('INSERT INTO signing_keys (kid, private_key, created_at) VALUES (?, ?, ?)')
    .run(kid, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), now);
  return new WebhookSigner(privateKey, kid);
}
