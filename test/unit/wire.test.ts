import { describe, expect, it } from 'vitest';
import type { JobView } from '../../src/worker/jobs/contract.ts';
import { resultBody, statusBody } from '../../src/worker/jobs/wire.ts';
import { dollarsOf } from '../../src/worker/models/model.ts';
import { JobStatus } from '../../src/worker/routes/schemas.ts';

const CREATED = Date.UTC(2026, 9, 1, 12, 0, 0, 5);
const ENDED = CREATED + 61_000;
const video = { key: 'out/a/j.mp4', bytes: 14_142, duration: 6.04, width: 1920, height: 1080, fps: 25 };
const URL = 'https://firstframe.test/files/t/j.mp4';
const open: JobView = {
  jobId: 'job_1',
  status: 'in_progress',
  phase: 'queued',
  credits: 29,
  cost: 288_000,
  createdAt: CREATED,
};
const ended = { credits: 0, cost: 0, createdAt: CREATED, endedAt: ENDED, jobId: 'job_1' };

/** The text of the answer: its members stand in the order of the contract. */
const TABLE: readonly [string, JobView, string | null, string][] = [
  [
    'queued',
    open,
    null,
    '{"job_id":"job_1","status":"in_progress","phase":"queued","credits_charged":29,"cost_usd":0.288,"created_at":"2026-10-01T12:00:00.005Z"}',
  ],
  [
    'queued, first in line',
    { ...open, queuePosition: 0 },
    null,
    '{"job_id":"job_1","status":"in_progress","phase":"queued","queue_position":0,"credits_charged":29,"cost_usd":0.288,"created_at":"2026-10-01T12:00:00.005Z"}',
  ],
  [
    'rendering',
    { ...open, phase: 'rendering' },
    null,
    '{"job_id":"job_1","status":"in_progress","phase":"rendering","credits_charged":29,"cost_usd":0.288,"created_at":"2026-10-01T12:00:00.005Z"}',
  ],
  [
    'storing',
    { ...open, phase: 'storing' },
    null,
    '{"job_id":"job_1","status":"in_progress","phase":"storing","credits_charged":29,"cost_usd":0.288,"created_at":"2026-10-01T12:00:00.005Z"}',
  ],
  [
    'completed',
    { ...ended, status: 'completed', credits: 29, cost: 288_000, video },
    URL,
    '{"job_id":"job_1","status":"completed","result":{"video":{"url":"https://firstframe.test/files/t/j.mp4","content_type":"video/mp4","duration":6.04,"width":1920,"height":1080,"fps":25}},"credits_charged":29,"cost_usd":0.288,"created_at":"2026-10-01T12:00:00.005Z","completed_at":"2026-10-01T12:01:01.005Z"}',
  ],
  [
    'failed',
    { ...ended, status: 'failed', failure: { code: 'upstream_busy', message: 'Try again.' } },
    null,
    '{"job_id":"job_1","status":"failed","error":{"code":"upstream_busy","message":"Try again."},"credits_charged":0,"cost_usd":0,"created_at":"2026-10-01T12:00:00.005Z","completed_at":"2026-10-01T12:01:01.005Z"}',
  ],
  [
    'canceled',
    { ...ended, status: 'canceled' },
    null,
    '{"job_id":"job_1","status":"canceled","credits_charged":0,"cost_usd":0,"created_at":"2026-10-01T12:00:00.005Z","completed_at":"2026-10-01T12:01:01.005Z"}',
  ],
  [
    'with what its link was given',
    { ...ended, status: 'canceled', metadata: { order: '7' } },
    null,
    '{"job_id":"job_1","status":"canceled","credits_charged":0,"cost_usd":0,"created_at":"2026-10-01T12:00:00.005Z","completed_at":"2026-10-01T12:01:01.005Z","metadata":{"order":"7"}}',
  ],
];

describe('a job as JSON', () => {
  it.each(TABLE)('%s', (_, job, url, text) => {
    const body = statusBody(job, url);
    expect(JSON.stringify(body)).toBe(text);
    expect(JobStatus.safeParse(body).error?.issues ?? []).toEqual([]);
  });

  it('never tells what the service keeps for itself', () => {
    const text = JSON.stringify(statusBody({ ...ended, status: 'completed', video }, URL));
    expect(text).not.toMatch(/out\/a|14142|bytes|key/);
  });

  it('has no result without a video', () => {
    expect(resultBody(open, URL)).toBeUndefined();
  });
});

it.each([
  [0, 0],
  [288_000, 0.288],
  [576_000, 0.576],
  [1_152_000, 1.152],
  [1, 0.000001],
  [300_006, 0.300006],
])('%i micro-dollars are %d dollars', (microDollars, expected) => {
  expect(dollarsOf(microDollars)).toBe(expected);
});
