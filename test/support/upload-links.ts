/** Upload links of a running service, for tests that are their owners and look at what came. */

import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { TestService } from './service.ts';

const TINY_PNG = await readFile(new URL('./fixtures/tiny.png', import.meta.url));
/** Signature and IHDR. */
const HEADER_BYTES = 33;
/** Length, type and CRC of a chunk. */
const CHUNK_BYTES = 12;
/** The smallest that {@link pngOfBytes} makes. */
export const MIN_PNG_BYTES = TINY_PNG.length + CHUNK_BYTES;

/** A PNG of exactly so many bytes, unlike any other: a small picture, with a chunk of noise that nobody looks at. */
export function pngOfBytes(bytes: number): Buffer {
  const noise = randomBytes(bytes - MIN_PNG_BYTES);
  const chunk = Buffer.alloc(CHUNK_BYTES + noise.length);
  chunk.writeUInt32BE(noise.length, 0);
  chunk.write('ffPd', 4, 'latin1');
  noise.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + noise.length)), 8 + noise.length);
  return Buffer.concat([TINY_PNG.subarray(0, HEADER_BYTES), chunk, TINY_PNG.subarray(HEADER_BYTES)]);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A link as `POST` and `GET /api/upload-links` answer it. */
export interface OwnedLink {
  readonly upload_id: string;
  readonly url: string;
  readonly image_url: string;
  readonly status: string;
  readonly sha256?: string;
  readonly bytes?: number;
}

async function asked(service: TestService, path: string, init: RequestInit): Promise<OwnedLink> {
  const response = await fetch(`${service.url}/api/upload-links${path}`, {
    ...init,
    headers: { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'application/json' },
  });
  if (!response.ok) throw new Error(`upload-links${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as OwnedLink;
}

/** Makes a link. */
export function makeLink(
  service: TestService,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<OwnedLink> {
  return asked(service, '', { method: 'POST', body: JSON.stringify(fields) });
}

/** A link as its owner sees it now. */
export function readLink(
  service: TestService,
  { upload_id }: Pick<OwnedLink, 'upload_id'>,
): Promise<OwnedLink> {
  return asked(service, `/${upload_id}`, {});
}
