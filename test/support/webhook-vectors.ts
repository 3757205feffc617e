/** The vectors of src/client/vectors.json, and what each of them is to a verifier. Runs in Node, workerd and browsers. */

import type { JwkSet, ReceivedWebhook, VerifyOptions } from '../../src/client/contract.ts';
import file from '../../src/client/vectors.json' with { type: 'json' };

/** One vector. */
export interface WebhookVector {
  readonly name: string;
  /** Unix seconds. */
  readonly now: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_base64?: string;
  readonly keys: {
    readonly secrets?: readonly string[];
    readonly public_keys?: readonly string[];
    readonly jwks?: JwkSet;
  };
  readonly expect: {
    readonly valid: boolean;
    readonly scheme?: string;
    readonly code?: string;
  };
}

export const VECTORS = file.vectors as unknown as readonly WebhookVector[];
export const VALID = VECTORS.filter((vector) => vector.expect.valid);
export const INVALID = VECTORS.filter((vector) => !vector.expect.valid);

/** Private keys by public key, as texts. */
export const SIGNING_KEYS: Readonly<Record<string, string>> = file.signing_keys;

/** The body's bytes. */
export function bodyOf({ body, body_base64 }: WebhookVector): Uint8Array<ArrayBuffer> {
  if (body !== undefined) return new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>;
  return Uint8Array.from(atob(body_base64 ?? ''), (character) => character.charCodeAt(0));
}

/** What the verifier is given beside the webhook. */
export function optionsOf({ keys, now }: WebhookVector): VerifyOptions {
  return { secret: keys.secrets, publicKey: keys.public_keys, jwks: keys.jwks, now: now * 1_000 };
}

/** The webhook in each form that a receiver may have it in. */
export function formsOf(vector: WebhookVector): readonly (readonly [string, Request | ReceivedWebhook])[] {
  const bytes = bodyOf(vector);
  const { headers } = vector;
  const request = new Request('https://receiver.test/hook', { method: 'POST', headers, body: bytes });
  return [
    ['a Request', request],
    ['headers and bytes', { headers: new Headers(headers), body: bytes }],
    ['an object and a buffer', { headers, body: bytes.buffer }],
    ...(vector.body === undefined
      ? []
      : ([['an object and a text', { headers, body: vector.body }]] as const)),
  ];
}

/** What became of it, in the words of `expect`. */
export async function outcomeOf(
  verify: () => Promise<{ readonly scheme: string }>,
): Promise<WebhookVector['expect']> {
  try {
    return { valid: true, scheme: (await verify()).scheme };
  } catch (thrown) {
    const { name, code } = thrown as { name?: string; code?: string };
    return { valid: false, code: name === 'WebhookVerificationError' ? String(code) : String(thrown) };
  }
}
