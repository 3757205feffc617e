/** How a request ended, as it is stored. */

import * as z from 'zod';
import type { RenderOutcome } from '../contract.ts';
import {
  type ErrorReply,
  infrastructureError,
  modelError,
  NOT_STARTED_IN_TIME,
  RENDER_CRASHED,
  RENDER_TIMED_OUT,
} from './errors.ts';

const detailSchema = z.object({
  loc: z.array(z.union([z.string(), z.number()])),
  msg: z.string(),
  type: z.string(),
  url: z.string().exactOptional(),
  ctx: z.record(z.string(), z.unknown()).exactOptional(),
  input: z.unknown().optional(),
});

/** The end of a request. The file's place follows from the request, so only what describes it is kept. */
export const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('done'),
    video: z.object({
      bytes: z.int().positive(),
      width: z.int().positive(),
      height: z.int().positive(),
      fps: z.number().positive(),
      duration: z.number().positive(),
      frames: z.int().positive(),
    }),
  }),
  z.object({
    kind: z.literal('failed'),
    status: z.int().min(400).max(599),
    detail: z.array(detailSchema).min(1),
  }),
  z.object({ kind: z.literal('crashed') }),
  z.object({ kind: z.literal('timed_out') }),
  z.object({ kind: z.literal('not_started') }),
  z.object({ kind: z.literal('cancelled') }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

/** What a render's outcome is to its request. Throws where a renderer reports what cannot be. */
export function outcomeOfRender(render: RenderOutcome): Outcome {
  switch (render.kind) {
    case 'done':
      return outcomeSchema.parse({ kind: 'done', video: render.file });
    case 'failed':
      return outcomeSchema.parse(render);
    case 'crashed':
      return { kind: 'crashed' };
    case 'canceled':
      return { kind: 'cancelled' };
  }
}

/** The error that the result answers for an outcome; undefined for a video. */
export function errorOf(outcome: Outcome): ErrorReply | undefined {
  switch (outcome.kind) {
    case 'done':
      return undefined;
    case 'failed':
      return modelError(outcome.status, outcome.detail);
    case 'crashed':
      return RENDER_CRASHED;
    case 'timed_out':
      return RENDER_TIMED_OUT;
    case 'not_started':
      return NOT_STARTED_IN_TIME;
    case 'cancelled':
      return infrastructureError('client_cancelled');
  }
}
