/**
 * Reads fal's errors. Model errors are `{"detail":[{loc,msg,type,…}]}`, infrastructure errors are
 * `{"detail":"text","error_type":"…"}` with `X-Fal-Error-Type`. The type and the field are taken and nothing else: `msg`
 * and `input` repeat the prompt, and are the upstream's words. Pure.
 */

import * as z from 'zod';
import { CODE_OF_TYPE } from './error-types.ts';

/** An upstream's error, reduced to what may be decided upon. */
export interface UpstreamError {
  /** HTTP status, or null where none is known. */
  readonly status: number | null;
  /** fal's error type: the first that we know, else the first that there is. */
  readonly type?: string;
  /** Which field of the input it is about, where it names one of ours. */
  readonly field?: InputField;
  /** What `X-Fal-Retryable` or `X-Fal-Needs-Retry` says. */
  readonly retryable?: boolean;
  /** Whether the body has the shape of an error of fal's. Without it the answer may be a gateway's in between. */
  readonly shaped: boolean;
}

/** The fields that a sentence may name, and how. */
export const FIELDS = {
  prompt: 'The prompt',
  image_url: 'The start image',
  end_image_url: 'The end image',
  duration: 'The duration',
  resolution: 'The resolution',
  aspect_ratio: 'The aspect ratio',
  fps: 'The frame rate',
  generate_audio: 'The choice of sound',
} as const;
export type InputField = keyof typeof FIELDS;

const Detail = z.object({
  type: z.string().optional().catch(undefined),
  loc: z.array(z.unknown()).optional().catch(undefined),
});
const ErrorBody = z.object({
  detail: z
    .union([z.array(Detail.catch({})), z.string()])
    .optional()
    .catch(undefined),
  error_type: z.string().optional().catch(undefined),
});

/** Reads an error from an answer's status, headers and parsed body, whatever its shape. Never throws. */
export function readUpstreamError(
  status: number | null,
  headers: Pick<Headers, 'get'>,
  body: unknown,
): UpstreamError {
  const { detail, error_type } = ErrorBody.catch({}).parse(body);
  const details = Array.isArray(detail) ? detail : [];
  // fal retried a user's own time-out no further: the request never started (X-Fal-Request-Timeout).
  const neverStarted =
    headers.get('x-fal-request-timeout-type') === 'user' ? 'runner_scheduling_failure' : null;
  const candidates = [
    ...details,
    ...[neverStarted, error_type, headers.get('x-fal-error-type')].map((type) => ({ type, loc: undefined })),
  ].filter((candidate) => typeof candidate.type === 'string');
  const chosen = candidates.find(({ type }) => CODE_OF_TYPE.has(type ?? '')) ?? candidates[0];
  const field = (chosen?.loc ?? details[0]?.loc)?.findLast(isField);
  const retryable = retryableOf(headers);
  return {
    status,
    shaped: detail !== undefined || error_type !== undefined,
    ...(typeof chosen?.type === 'string' ? { type: chosen.type } : {}),
    ...(field === undefined ? {} : { field }),
    ...(retryable === undefined ? {} : { retryable }),
  };
}

function isField(part: unknown): part is InputField {
  return typeof part === 'string' && Object.hasOwn(FIELDS, part);
}

function retryableOf(headers: Pick<Headers, 'get'>): boolean | undefined {
  const text = headers.get('x-fal-retryable') ?? headers.get('x-fal-needs-retry');
  if (text === null) return undefined;
  return text === '1' || text.toLowerCase() === 'true';
}
