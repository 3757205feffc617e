/** The endpoints that the engine serves, and the input each takes: fal's published schema of ltx-2.3 image-to-video fast. */

import * as z from 'zod';
import type { RenderRequest } from '../contract.ts';

/** Submits go to the full id; status, result and cancel know only `owner/app`. */
export interface Endpoint {
  readonly id: string;
  readonly app: string;
}

const ENDPOINTS: readonly Endpoint[] = [{ id: 'fal-ai/ltx-2.3/image-to-video/fast', app: 'fal-ai/ltx-2.3' }];

/** The endpoint with this full id. */
export function endpointById(id: string): Endpoint | undefined {
  return ENDPOINTS.find((endpoint) => endpoint.id === id);
}

/** Longer videos than this, in seconds, are made at 25 fps and 1080p only. */
const LONG_DURATION_S = 10;

const fields = z.object({
  prompt: z.string(),
  image_url: z.string().min(1),
  end_image_url: z.string().min(1).nullish(),
  duration: z.literal([6, 8, 10, 12, 14, 16, 18, 20]).default(6),
  resolution: z.enum(['1080p', '1440p', '2160p']).default('1080p'),
  aspect_ratio: z.enum(['auto', '16:9', '9:16']).default('auto'),
  fps: z.literal([24, 25, 48, 50]).default(25),
  generate_audio: z.boolean().default(true),
});

/** Parses a submitted body, or a stored one, into what the renderer takes. Unknown fields are ignored, as fal does. */
export const inputSchema: z.ZodType<RenderRequest> = fields
  .superRefine((input, context) => {
    if (input.duration > LONG_DURATION_S && (input.fps !== 25 || input.resolution !== '1080p')) {
      context.addIssue({
        code: 'custom',
        path: ['duration'],
        input: input.duration,
        message: `Durations over ${LONG_DURATION_S} seconds need 25 fps and 1080p`,
      });
    }
  })
  .transform(({ end_image_url, ...input }) => ({ ...input, end_image_url: end_image_url ?? undefined }));
