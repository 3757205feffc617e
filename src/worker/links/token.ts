/**
 * The secret part of a link's address, `PUBLIC_URL/u/<token>`: all that is needed to refuse without I/O, encrypted and
 * authenticated (AES-GCM), so that neither an account's id nor anything else of ours can be read in it.
 */

import type { Config } from '../env.ts';
import { IMAGE_TYPES, type ImageType } from '../media/contract.ts';
import { decrypt, encrypt } from '../secrets.ts';

/** What a token says. */
export interface LinkClaims {
  readonly account: string;
  readonly uploadId: string;
  /** Milliseconds since 1970, in whole seconds. */
  readonly expiresAt: number;
  readonly maxBytes: number;
  readonly types: readonly ImageType[];
}

type TokenConfig = Pick<Config, 'PUBLIC_URL' | 'SIGNING_SECRETS'>;

const ROOT = '/u/';
/** Bound to what is encrypted: a ciphertext made for another use is no token. */
const CONTEXT = 'upload-link/1';
const SECOND_MS = 1_000;
/**
 * `<account><upload id>.<expiry, s>.<bytes>.<types>`, ids without their prefixes: every character is paid for in a URL.
 * Types are bits in the order of IMAGE_TYPES, so a new type goes to its end.
 */
const PLAIN =
  /^([a-z][0-9a-hjkmnp-tv-z]{13})([0-9a-z]{31})\.([0-9a-z]{1,9})\.([0-9a-z]{1,9})\.([0-9a-z]{1,2})$/;

/** The address of a link: at most 256 characters under any `PUBLIC_URL` of up to 100. */
export async function linkUrl(config: TokenConfig, claims: LinkClaims): Promise<string> {
  const types = IMAGE_TYPES.reduce(
    (bits, type, index) => bits | (claims.types.includes(type) ? 1 << index : 0),
    0,
  );
  const plain =
    claims.account.slice('acct_'.length) +
    claims.uploadId.slice('up_'.length) +
    [Math.floor(claims.expiresAt / SECOND_MS), claims.maxBytes, types]
      .map((n) => `.${n.toString(36)}`)
      .join('');
  return `${config.PUBLIC_URL}${ROOT}${await encrypt(config.SIGNING_SECRETS, 'upload', plain, CONTEXT)}`;
}

/** What a token says, whether it has expired or not; null for any text that is no token of ours. */
export async function readLinkToken(config: TokenConfig, token: string): Promise<LinkClaims | null> {
  const plain = await decrypt(config.SIGNING_SECRETS, 'upload', token, CONTEXT);
  const match = plain === null ? null : PLAIN.exec(plain);
  if (!match) return null;
  const [, account, uploadId, expiry, bytes, types] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    account: `acct_${account}`,
    uploadId: `up_${uploadId}`,
    expiresAt: Number.parseInt(expiry, 36) * SECOND_MS,
    maxBytes: Number.parseInt(bytes, 36),
    types: IMAGE_TYPES.filter((_, index) => Number.parseInt(types, 36) & (1 << index)),
  };
}
