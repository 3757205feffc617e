/** Stored JSON of an upload link, as zod schemas: what is read back from a database is checked like any other input. */

import * as z from 'zod';
import { StoredSource } from '../../jobs/records.ts';
import { IMAGE_TYPES } from '../../media/contract.ts';
import { IMAGE_ROLES } from '../../media/storage.ts';
import { LINK_EVENT_TYPES } from '../../webhooks/types.ts';
import type { LinkSpec, StoredImage, TusPart } from '../contract.ts';

const Spec = z.object({
  expiresAt: z.number(),
  maxBytes: z.number(),
  types: z.array(z.enum(IMAGE_TYPES)),
  sha256: z.string().optional(),
  role: z.enum(IMAGE_ROLES),
  redirectUrl: z.string().optional(),
  webhookUrl: z.string().optional(),
  webhookEvents: z.array(z.enum(LINK_EVENT_TYPES)).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  job: z
    .object({
      model: z.string(),
      input: z.record(z.string(), z.unknown()),
      other: StoredSource.optional(),
      usualMs: z.number(),
      credits: z.number(),
      cost: z.number(),
    })
    .optional(),
});

const Image = z.object({
  key: z.string(),
  type: z.enum(IMAGE_TYPES),
  bytes: z.number(),
  width: z.number(),
  height: z.number(),
  sha256: z.string(),
});

const Parts = z.array(z.object({ key: z.string(), bytes: z.number() }));

/** What a link takes and does, from its column. */
export function readSpec(text: string): LinkSpec {
  return Spec.parse(JSON.parse(text)) as LinkSpec;
}

/** The picture of a link from its column. */
export function readImage(text: string): StoredImage {
  return Image.parse(JSON.parse(text));
}

/** The parts of a resumable upload from their column. */
export function readParts(text: string): TusPart[] {
  return Parts.parse(JSON.parse(text));
}
