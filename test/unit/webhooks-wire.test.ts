import { expect, it } from 'vitest';
import type { DeliveryView } from '../../src/worker/webhooks/contract.ts';
import { deliveryBody } from '../../src/worker/webhooks/wire.ts';

const AT = Date.UTC(2026, 9, 1, 12);

const tried: DeliveryView = {
  deliveryId: 'dlv_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz0123456789ab',
  eventId: 'evt_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz',
  event: 'job.completed',
  endpointId: 'ep_0123456789ab',
  url: 'https://receiver.example.org/hooks',
  jobId: 'job_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
  uploadId: null,
  status: 'failed',
  reason: 'exhausted',
  createdAt: AT,
  attempts: [
    { at: AT + 1, statusCode: 500, durationMs: 12, error: null, response: 'oh', manual: false },
    { at: AT + 2, statusCode: null, durationMs: 20_000, error: 'timeout', response: null, manual: true },
  ],
  nextAttemptAt: null,
};

it('tells a delivery with its tries, and marks those that were asked for', () => {
  expect(deliveryBody(tried)).toEqual({
    id: tried.deliveryId,
    event: 'job.completed',
    event_id: tried.eventId,
    endpoint_id: 'ep_0123456789ab',
    url: 'https://receiver.example.org/hooks',
    job_id: tried.jobId,
    status: 'failed',
    reason: 'exhausted',
    created_at: '2026-10-01T12:00:00.000Z',
    attempts: [
      { at: '2026-10-01T12:00:00.001Z', status_code: 500, duration_ms: 12, response: 'oh', error: null },
      {
        at: '2026-10-01T12:00:00.002Z',
        status_code: null,
        duration_ms: 20_000,
        response: null,
        error: 'timeout',
        manual: true,
      },
    ],
    next_attempt_at: null,
  });
});

it.each<[string, Partial<DeliveryView>, object, readonly string[]]>([
  ['of an upload', { jobId: null, uploadId: 'up_1' }, { upload_id: 'up_1' }, ['job_id']],
  ['about the account', { jobId: null }, {}, ['job_id', 'upload_id']],
  ['to the job’s own address', { endpointId: null }, { endpoint_id: null }, ['upload_id']],
  ['to an endpoint that was deleted', { url: null }, { url: null }, []],
  [
    'that is to be tried',
    { status: 'pending', reason: null, nextAttemptAt: AT + 5_000 },
    { status: 'pending', next_attempt_at: '2026-10-01T12:00:05.000Z' },
    ['reason'],
  ],
])('tells a delivery %s', (_, fields, told, untold) => {
  const body = deliveryBody({ ...tried, ...fields });
  expect(body).toMatchObject(told);
  for (const member of untold) expect(body).not.toHaveProperty(member);
});
