import { describe, expect, it } from 'vitest';
import type { JobView } from '../../src/worker/jobs/contract.ts';
import { resultBody, statusBody } from '../../src/worker/jobs/wire.ts';
import { dollarsOf } from '../../src/worker/models/model.ts';

const base = { jobId: 'job_1', createdAt: Date.UTC(2026, 9, 1, 12) } as const;
const video = { key: 'out/a/job_1.mp4', bytes: 9, duration: 6, width: 1920, height: 1080, fps: 25 };
const endedAt = base.createdAt + 41_000;

const rows: readonly [string, JobView, string | null, unknown][] = [
  [
    'waits in the queue',
    { ...base, status: 'in_progress', phase: 'queued', queuePosition: 0, credits: 29, cost: 288_000 },
    null,
    { status: 'in_progress', phase: 'queued', queue_position: 0, credits_charged: 29, cost_usd: 0.288 },
  ],
  [
    'renders',
    {
      ...base,
      status: 'in_progress',
      phase: 'rendering',
      credits: 29,
      cost: 288_000,
      metadata: { order: '7' },
    },
    null,
    {
      status: 'in_progress',
      phase: 'rendering',
      credits_charged: 29,
      cost_usd: 0.288,
      metadata: { order: '7' },
    },
  ],
  [
    'has completed',
    { ...base, status: 'completed', credits: 29, cost: 288_000, endedAt, video },
    'https://x.example/files/t/v.mp4',
    {
      status: 'completed',
      result: {
        video: {
          url: 'https://x.example/files/t/v.mp4',
          content_type: 'video/mp4',
          duration: 6,
          width: 1920,
          height: 1080,
          fps: 25,
        },
      },
      credits_charged: 29,
      cost_usd: 0.288,
      completed_at: '2026-10-01T12:00:41.000Z',
    },
  ],
  [
    'has failed',
    {
      ...base,
      status: 'failed',
      credits: 0,
      cost: 0,
      endedAt,
      failure: { code: 'upstream_busy', message: 'Later.' },
    },
    null,
    {
      status: 'failed',
      error: { code: 'upstream_busy', message: 'Later.' },
      credits_charged: 0,
      cost_usd: 0,
      completed_at: '2026-10-01T12:00:41.000Z',
    },
  ],
  [
    'was canceled',
    { ...base, status: 'canceled', credits: 0, cost: 0, endedAt },
    null,
    { status: 'canceled', credits_charged: 0, cost_usd: 0, completed_at: '2026-10-01T12:00:41.000Z' },
  ],
];

describe('the status of a job that', () => {
  it.each(rows)('%s', (_, view, url, body) =>
    expect(statusBody(view, url)).toEqual({
      job_id: 'job_1',
      created_at: '2026-10-01T12:00:00.000Z',
      ...(body as object),
    }),
  );

  it.each(rows)('%s tells no more than that, not even as undefined', (_, view, url) => {
    const body = statusBody(view, url);
    expect(JSON.parse(JSON.stringify(body))).toStrictEqual(body);
    expect(JSON.stringify(body)).not.toContain(video.key);
  });
});

it('a result is there only with a video', () => {
  expect(resultBody({ ...base, status: 'failed', credits: 0, cost: 0 }, '')).toBeUndefined();
});

it.each([
  [288_000, 0.288],
  [0, 0],
  [1, 0.000_001],
  [3_840_000, 3.84],
])('%i micro-dollars are %d dollars', (micro, amount) => expect(dollarsOf(micro)).toBe(amount));
