/** A delivery as JSON, for its account alone: what a receiver answered is in it. Pure. */

import type { AttemptView, DeliveryView } from './contract.ts';

/** The delivery as the API tells it. */
export function deliveryBody(delivery: DeliveryView) {
  const { deliveryId, eventId, event, endpointId, url, jobId, uploadId, status, reason } = delivery;
  return {
    id: deliveryId,
    event,
    event_id: eventId,
    endpoint_id: endpointId,
    url,
    ...(jobId === null ? {} : { job_id: jobId }),
    ...(uploadId === null ? {} : { upload_id: uploadId }),
    status,
    ...(reason === null ? {} : { reason }),
    created_at: iso(delivery.createdAt),
    attempts: delivery.attempts.map(attemptBody),
    next_attempt_at: delivery.nextAttemptAt === null ? null : iso(delivery.nextAttemptAt),
  };
}

function attemptBody({ at, statusCode, durationMs, response, error, manual }: AttemptView) {
  return {
    at: iso(at),
    status_code: statusCode,
    duration_ms: durationMs,
    response,
    error,
    ...(manual ? { manual } : {}),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
