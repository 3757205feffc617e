/** The bodies of fal's queue, made from a stored request. Pure. */

import { summaryOf } from './errors.ts';
import { errorOf } from './outcome.ts';
import type { LogEntry, StoredRequest } from './requests.ts';

/** The name under which every video is served. */
export const VIDEO_NAME = 'video.mp4';

/** Where a request can be asked for. Made at each answer, since the engine's port may change with a restart. */
export function requestUrls(base: string, request: Pick<StoredRequest, 'app' | 'id'>) {
  const url = `${base}/${request.app}/requests/${request.id}`;
  return { response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

/** The answer to a submit. It is the same for a repeated one, but for the position, whatever became of the request. */
export function submitBody(base: string, request: StoredRequest, position: number) {
  return {
    status: 'IN_QUEUE',
    request_id: request.id,
    gateway_request_id: request.id,
    ...requestUrls(base, request),
    queue_position: position,
  } as const;
}

/** A status answer. fal has three: a failed request is COMPLETED too, with `error`. */
export type StatusBody = ReturnType<typeof requestUrls> & {
  readonly request_id: string;
  readonly status: 'IN_QUEUE' | 'IN_PROGRESS' | 'COMPLETED';
  readonly queue_position?: number;
  readonly logs?: readonly LogEntry[];
  readonly metrics?: { readonly inference_time: number };
  readonly error?: string;
  readonly error_type?: string;
};

/** The status answer of a request. `logs` undefined: they were not asked for. */
export function statusBody(
  base: string,
  request: StoredRequest,
  position: number,
  logs: readonly LogEntry[] | undefined,
): StatusBody {
  const common = { request_id: request.id, ...requestUrls(base, request) };
  const withLogs = logs === undefined ? {} : { logs };
  if (request.state === 'queued') return { status: 'IN_QUEUE', ...common, queue_position: position };
  if (request.state === 'running') return { status: 'IN_PROGRESS', ...common, ...withLogs };
  const error = request.outcome ? errorOf(request.outcome) : undefined;
  return {
    status: 'COMPLETED',
    ...common,
    ...withLogs,
    metrics: { inference_time: inferenceSeconds(request) },
    ...(error ? summaryOf(error) : {}),
  };
}

function inferenceSeconds({ started_at, ended_at }: StoredRequest): number {
  return started_at === null || ended_at === null ? 0 : Math.max(0, ended_at - started_at) / 1_000;
}

/** The model's output for a request that ended with a video; undefined for any other. */
export function videoBody(base: string, { id, outcome }: StoredRequest) {
  if (outcome?.kind !== 'done') return undefined;
  const { bytes, frames, ...video } = outcome.video;
  return {
    video: {
      url: `${base}/files/${id}/${VIDEO_NAME}`,
      content_type: 'video/mp4',
      file_name: VIDEO_NAME,
      file_size: bytes,
      ...video,
      num_frames: frames,
    },
  };
}

/** What a webhook says about a request that has ended. */
export function webhookBody(base: string, request: StoredRequest) {
  const common = { request_id: request.id, gateway_request_id: request.id };
  const error = request.outcome ? errorOf(request.outcome) : undefined;
  if (!error) return { ...common, status: 'OK', payload: videoBody(base, request) ?? null };
  return { ...common, status: 'ERROR', error: `Invalid status code: ${error.status}`, payload: error.body };
}
