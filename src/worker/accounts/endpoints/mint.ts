/** Ids of endpoints and of signing secrets. The Worker mints them, so that a call whose answer was lost is the same call. */

import { base32OfBytes } from '../../bytes.ts';

/** 60 bits: no two endpoints of an account share an id, and an id of another account finds nothing anyway. */
const ID_LENGTH = 12;

function random(): string {
  return base32OfBytes(crypto.getRandomValues(new Uint8Array(ID_LENGTH)), ID_LENGTH);
}

/** A new endpoint id, `ep_` and 12 characters. */
export function mintEndpointId(): string {
  return `ep_${random()}`;
}

/** A new id of a signing secret, `sec_` and 12 characters. It tells nothing of the secret, and is the `kid` of a key. */
export function mintSecretId(): string {
  return `sec_${random()}`;
}
