/** What fal's webhook bodies say. Pure. */

import * as z from 'zod';
import { isRequestId } from './address.ts';
import type { UpstreamEvent } from './contract.ts';
import { readUpstreamError } from './error.ts';
import { parseJson } from './exchange.ts';
import { videoOf } from './output.ts';
import { failedBy, tellsTheEnd } from './policy.ts';

const Body = z.object({
  /** The id in the queue. `gateway_request_id`, the last attempt's, is not looked at. */
  request_id: z.string().refine(isRequestId),
  status: z.string(),
  payload: z.unknown().optional(),
  /** Such as `Invalid status code: 422`. */
  error: z.string().optional().catch(undefined),
  error_type: z.string().optional().catch(undefined),
});

/** A webhook carries no error headers of its own: all it knows is in its body. */
const NO_HEADERS = { get: () => null };

/**
 * The event in a webhook's body, whose signature must have been verified; null when it is none. An event that does not
 * say for certain how the job ended is `ended`: the result call decides.
 */
export function parseFalEvent(body: Uint8Array): UpstreamEvent | null {
  const parsed = Body.safeParse(parseJson(body));
  if (!parsed.success) return null;
  const { request_id: requestId, status, payload, error, error_type } = parsed.data;
  if (status === 'OK') {
    const video = videoOf(payload);
    return { requestId, outcome: video ? { kind: 'video', video } : { kind: 'ended' } };
  }
  if (status !== 'ERROR') return { requestId, outcome: { kind: 'ended' } };
  const code = /\b([45]\d\d)\b/.exec(error ?? '')?.[1];
  const httpStatus = code === undefined ? null : Number(code);
  const failure = readUpstreamError(httpStatus, NO_HEADERS, errorBodyOf(payload, error_type));
  const certain = tellsTheEnd(failure) || httpStatus === 422 || httpStatus === 499;
  return { requestId, outcome: certain ? failedBy(failure) : { kind: 'ended' } };
}

/** The payload with the event's own `error_type`, where the payload has none. */
function errorBodyOf(payload: unknown, errorType: string | undefined): unknown {
  return typeof payload === 'object' && payload !== null
    ? { error_type: errorType, ...payload }
    : { error_type: errorType };
}
