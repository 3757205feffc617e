/** The output of a video model, as results and callbacks carry it: `{"video": {"url", …}}`. Pure. */

import * as z from 'zod';
import type { UpstreamVideo } from './contract.ts';

/** Longest address that we keep, in characters. fal's own have about 100. */
const MAX_URL_LENGTH = 4_096;

const DECIMAL = /^\d{1,9}(\.\d{1,9})?$/;

/** A positive number, also as text; anything else counts as missing, since the file itself can tell. */
const measure = z
  .union([z.number(), z.string().regex(DECIMAL).transform(Number)])
  .pipe(z.number().positive())
  .optional()
  .catch(undefined);

const Output = z.object({
  video: z.object({
    url: z.url({ protocol: /^https?$/ }).max(MAX_URL_LENGTH),
    content_type: z
      .string()
      .regex(/^[\w.+-]{1,64}\/[\w.+-]{1,64}$/)
      .optional()
      .catch(undefined),
    duration: measure,
    width: measure,
    height: measure,
    fps: measure,
  }),
});

/** The video in a model's output; null when there is none with an http(s) URL. Other members are ignored. */
export function videoOf(output: unknown): UpstreamVideo | null {
  const parsed = Output.safeParse(output);
  if (!parsed.success) return null;
  const { url, content_type, duration, width, height, fps } = parsed.data.video;
  return {
    url,
    ...(content_type === undefined ? {} : { contentType: content_type }),
    ...(duration === undefined ? {} : { duration }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(fps === undefined ? {} : { fps }),
  };
}
