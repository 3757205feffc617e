import { describe, expect, it } from 'vitest';
import { type Job, newJob } from '../../src/worker/jobs/job.ts';
import { readProgress, writeProgress } from '../../src/worker/jobs/records.ts';

const NOW = 1_800_000_000_000;
const young = newJob(NOW, 30_000);
const progressOf = ({ state: _state, createdAt: _createdAt, endedAt: _endedAt, ...progress }: Job) =>
  progress;

/** A job of which nothing is as it began. */
const old: Job = {
  state: 'completed',
  createdAt: NOW,
  endedAt: NOW + 60_000,
  usualMs: 30_000,
  handle: { requestId: 'r', statusUrl: 'https://s', responseUrl: 'https://r', cancelUrl: 'https://c' },
  submittedAt: NOW + 1,
  rendering: true,
  queuePosition: 0,
  polledAt: NOW + 2,
  cancel: 'sent',
  attempts: 3,
  notFound: 1,
  unknownUntil: NOW + 3,
  source: { url: 'https://v', contentType: 'video/mp4' },
  video: { key: 'out/k', bytes: 1, duration: 6, width: 1920, height: 1080, fps: 25 },
  failure: { code: 'upstream_error', message: 'm' },
};

describe('the progress of a job', () => {
  it('is written as far as it is no longer as it began', () => {
    expect(writeProgress(young)).toBe('{"usualMs":30000}');
    expect(JSON.parse(writeProgress({ ...young, queuePosition: 0, attempts: 1 }))).toEqual({
      usualMs: 30_000,
      queuePosition: 0,
      attempts: 1,
    });
    expect(JSON.parse(writeProgress(old))).toEqual(progressOf(old));
  });

  it('is read as it was written, each part of it', () => {
    for (const job of [young, old]) expect(readProgress(writeProgress(job))).toEqual(progressOf(job));
    for (const name of Object.keys(progressOf(old)) as (keyof ReturnType<typeof progressOf>)[]) {
      const job: Job = { ...young, [name]: old[name] };
      expect(readProgress(writeProgress(job)), name).toEqual(progressOf(job));
    }
  });

  it('that was written whole is read alike', () => {
    expect(readProgress(JSON.stringify(progressOf(young)))).toEqual(progressOf(young));
  });

  it('that is not written is what every job has ever begun with', () => {
    expect(readProgress('{"usualMs":30000}')).toEqual({
      usualMs: 30_000,
      handle: null,
      submittedAt: null,
      rendering: false,
      queuePosition: null,
      polledAt: null,
      cancel: 'none',
      attempts: 0,
      notFound: 0,
      unknownUntil: null,
      source: null,
      video: null,
      failure: null,
    });
  });

  it('of another shape is refused', () => {
    for (const text of ['{}', '{"usualMs":30000,"cancel":"maybe"}'])
      expect(() => readProgress(text)).toThrow();
  });
});
