/** A new secret, and how long the one that it replaces goes on signing. */

import type { Context } from 'hono';
import type { RotateSecret } from '../accounts/endpoints/contract.ts';
import { mintSecretId } from '../accounts/endpoints/mint.ts';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { pendingBody } from '../webhooks/endpoint-answer.ts';
import type { AskedAccount } from './own-account.ts';
import { bodyOf } from './strict-body.ts';
import { RotateRequest } from './webhook-action-docs.ts';

const SECOND_MS = 1_000;

/** The secret as it is shown once, and what is told with every rotation. */
export interface Rotation {
  /** `whsec_…`; of scheme `v1a` the public key, `whpk_…`. */
  readonly secret: string;
  readonly told: { readonly old_secrets_expire_at: string; readonly pending_shards?: number };
}

/** Rotates as the request's body says. @throws {ApiError} 400, 404, 409 or 503. */
export async function rotate(
  c: Context<App>,
  own: AskedAccount,
  which: Pick<RotateSecret, 'endpointId' | 'scheme'>,
): Promise<Rotation> {
  const graceMs = bodyOf(c, RotateRequest).grace_s * SECOND_MS;
  const command = { ...which, graceMs, secretId: mintSecretId() };
  // Before the call: what is told is never later than what is.
  const expiresAt = Date.now() + graceMs;
  const outcome = await own.ask((account) => account.rotateSecret(command));
  if (outcome.kind === 'too_many') {
    throw new ApiError({ tag: 'too_many_secrets', limit: outcome.limit, freeAt: outcome.freeAt });
  }
  const { secret, pending } = outcome;
  return {
    secret,
    told: { old_secrets_expire_at: new Date(expiresAt).toISOString(), ...pendingBody(pending) },
  };
}
