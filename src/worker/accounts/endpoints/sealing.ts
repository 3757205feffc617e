/** Signing secrets and custom headers as ciphertexts, each bound to its account. Pure but for Web Crypto. */

import { decrypt, encrypt, type Ring } from '../../secrets.ts';
import { newWebhookSecret } from '../../webhooks/sign.ts';
import { newSigningKeyPair } from '../../webhooks/sign-v1a.ts';
import type { SealedSecret } from './contract.ts';

type Scheme = SealedSecret['scheme'];

/** What a ciphertext can only be opened with. */
export interface Seal {
  readonly ring: Ring;
  /** The account's id. */
  readonly account: string;
}

const PURPOSES = { v1: 'webhook-secret', v1a: 'webhook-key' } as const satisfies Record<Scheme, string>;

/** A new secret: `whsec_…` of scheme `v1`, `whsk_…` of scheme `v1a`. */
export async function newSecret(scheme: Scheme): Promise<string> {
  return scheme === 'v1' ? newWebhookSecret() : (await newSigningKeyPair()).secret;
}

/** The ciphertext of a signing secret. */
export function sealSecret({ ring, account }: Seal, scheme: Scheme, secret: string): Promise<string> {
  return encrypt(ring, PURPOSES[scheme], secret, account);
}

/** A signing secret; null when the secret of the ring that it was encrypted under has been dropped. */
export function openSecret(
  { ring, account }: Seal,
  { scheme, sealed }: Pick<SealedSecret, 'scheme' | 'sealed'>,
): Promise<string | null> {
  return decrypt(ring, PURPOSES[scheme], sealed, account);
}

/** The ciphertext of custom headers; null of none. */
export async function sealHeaders(
  { ring, account }: Seal,
  headers: Readonly<Record<string, string>>,
): Promise<string | null> {
  if (Object.keys(headers).length === 0) return null;
  return encrypt(ring, 'webhook-headers', JSON.stringify(headers), account);
}

/** The same headers under the entry that encrypts now; null when they cannot be read. */
export async function resealHeaders({ ring, account }: Seal, sealed: string): Promise<string | null> {
  const text = await decrypt(ring, 'webhook-headers', sealed, account);
  return text === null ? null : encrypt(ring, 'webhook-headers', text, account);
}

/** The secret of the ring that a ciphertext of ours was made with. */
export function ringIdOf(ciphertext: string): string {
  return ciphertext.slice(0, ciphertext.indexOf('.'));
}
