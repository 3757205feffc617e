/**
 * The messages between the engine and a child that renders.
 *
 * The child parses bytes that strangers sent, so the parent parses what the child says; the child trusts its parent
 * and imports only the types of this file.
 */

import { z } from 'zod';
import type { RenderJob } from './job.ts';

/** Parent to child, once: what to render. */
export interface StartMessage {
  readonly job: RenderJob;
  /** The child writes here; the parent gives the file its final name. */
  readonly partPath: string;
  /** The FFmpeg executable. */
  readonly ffmpeg: string;
  readonly allowLoopback: boolean;
}

const ErrorDetail = z.object({
  loc: z.array(z.union([z.string(), z.number()])).readonly(),
  msg: z.string(),
  type: z.string(),
  url: z.string().exactOptional(),
  ctx: z.record(z.string(), z.unknown()).exactOptional(),
});

/** Child to parent. `progress` comes a few times a second at most; one of the others comes last. */
export const ChildMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), done: z.number().int(), total: z.number().int() }),
  /** The file is whole at `partPath`. */
  z.object({
    kind: z.literal('encoded'),
    width: z.number().int(),
    height: z.number().int(),
    frames: z.number().int(),
  }),
  z.object({
    kind: z.literal('failed'),
    status: z.number().int(),
    detail: z.array(ErrorDetail).min(1),
  }),
  z.object({ kind: z.literal('crashed'), message: z.string() }),
]);
export type ChildMessage = z.infer<typeof ChildMessage>;
