/** Images as requests carry them. */

import { toBase64 } from '../../src/worker/bytes.ts';

export { fixtures } from './media-fixtures.ts';

/** The data URI of some bytes. */
export function dataUri(bytes: Uint8Array, type: string): string {
  return `data:${type};base64,${toBase64(bytes)}`;
}
