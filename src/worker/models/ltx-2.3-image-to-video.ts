/** LTX 2.3 image-to-video (fast). Schema and limits as fal's endpoint has them; see docs/design.md for the prices. */

import * as z from 'zod';
import { type Model, type PriceTable, priceOf } from './model.ts';

/** Above this many seconds the endpoint makes 25 fps at 1080p and nothing else. */
const LONG_DURATION_S = 10;

/** Longest prompt, in characters after trimming. */
const MAX_PROMPT_LENGTH = 5_000;

/** Longest address of an image that we pass on, in characters. A data URI is bounded by the body's limit instead. */
const MAX_URL_LENGTH = 4_096;

const imageUrl = (description: string) =>
  z
    .string({ error: 'must be a URL or a data URI' })
    .trim()
    .min(1, 'must not be empty')
    .refine((text) => /^data:/i.test(text) || text.length <= MAX_URL_LENGTH, {
      error: `a URL may have at most ${MAX_URL_LENGTH} characters`,
    })
    .meta({ description });

/** Whether `text` has at most `limit` characters, counted as JSON Schema and the upstream do: by code points. */
function fits(text: string, limit: number): boolean {
  // A code point is one or two units, so most texts need no counting.
  return text.length <= limit || (text.length <= 2 * limit && [...text].length <= limit);
}

/** One of some numbers. As JSON Schema: an enum. */
function oneOf<const Values extends readonly number[]>(values: Values, description: string) {
  const error = `must be one of ${values.join(', ')}`;
  return z
    .number({ error })
    .refine((value): value is Values[number] => values.includes(value), { error })
    .meta({ description, enum: [...values] });
}

function oneOfTexts<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

export const DURATIONS = [6, 8, 10, 12, 14, 16, 18, 20] as const;
export const RESOLUTIONS = ['1080p', '1440p', '2160p'] as const;
export const ASPECT_RATIOS = ['auto', '16:9', '9:16'] as const;
export const FRAME_RATES = [24, 25, 48, 50] as const;

const shape = {
  prompt: z
    .string({ error: 'must be a text of 1 to 5,000 characters' })
    .trim()
    .min(1, 'must not be empty')
    .refine((text) => fits(text, MAX_PROMPT_LENGTH), { error: 'may have at most 5,000 characters' })
    .meta({
      description: 'How the image should move.',
      maxLength: MAX_PROMPT_LENGTH,
      example: 'The camera slowly pushes in; mist drifts by.',
    }),
  image_url: imageUrl(
    'The start image: a public http(s) URL of a PNG, JPEG, WebP, AVIF or HEIF, a base64 data URI of one, or the image_url of an upload.',
  ),
  end_image_url: imageUrl('The end image, the same kinds: makes a transition from start to end.').optional(),
  duration: oneOf(DURATIONS, 'Seconds. Over 10 only at 25 fps and 1080p.').default(6),
  resolution: oneOfTexts(RESOLUTIONS)
    .default('1080p')
    .meta({ description: 'The shorter side of the video.' }),
  aspect_ratio: oneOfTexts(ASPECT_RATIOS)
    .default('auto')
    .meta({ description: 'auto: 9:16 when the image is higher than wide, else 16:9.' }),
  fps: oneOf(FRAME_RATES, 'Frames per second.').default(25),
  generate_audio: z
    .boolean({ error: 'must be true or false' })
    .default(true)
    .meta({ description: 'Whether the video gets a sound track.' }),
} satisfies z.ZodRawShape;

const Input = z.object(shape).omit({ image_url: true, end_image_url: true });
type Input = z.infer<typeof Input>;

/** Milliseconds that upstream needs for one second of video at 1080p and 25 fps, and before the first frame. */
const RENDER_MS_PER_SECOND = 4_000;
const START_UP_MS = 5_000;
const RESOLUTION_FACTOR: Record<Input['resolution'], number> = { '1080p': 1, '1440p': 1.8, '2160p': 4 };
const USUAL_FPS = 25;

/** Micro-dollars a second: $0.048, $0.096, $0.192. */
const defaultPrices = { '1080p': 48_000, '1440p': 96_000, '2160p': 192_000 } satisfies PriceTable;

/** The catalogue's entry. */
export const ltx23ImageToVideo: Model = {
  id: 'ltx-2.3-image-to-video',
  title: 'LTX 2.3 image to video',
  summary: 'Animates a start image by a prompt, with sound; optionally a transition to an end image.',
  endpoint: 'fal-ai/ltx-2.3/image-to-video/fast',
  shape,
  rules: [
    {
      needs: ['duration', 'fps', 'resolution'],
      field: 'duration',
      message: `over ${LONG_DURATION_S} seconds only at 25 fps and 1080p`,
      holds: (input) => {
        const { duration, fps, resolution } = input as Input;
        return duration <= LONG_DURATION_S || (fps === 25 && resolution === '1080p');
      },
    },
  ],
  defaultPrices,
  price(input, prices) {
    const { duration, resolution } = input as Input;
    return priceOf((prices[resolution] ?? defaultPrices[resolution]) * duration);
  },
  usualMs(input) {
    const { duration, resolution, fps } = input as Input;
    return START_UP_MS + duration * (fps / USUAL_FPS) * RENDER_MS_PER_SECOND * RESOLUTION_FACTOR[resolution];
  },
  upstreamInput(input, images) {
    return { ...input, image_url: images.start, ...(images.end ? { end_image_url: images.end } : {}) };
  },
};
