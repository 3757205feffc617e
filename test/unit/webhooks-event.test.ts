import { describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import { JOB_ERROR_CODES } from '../../src/worker/errors.ts';
import { EVENT_SCHEMAS, eventText, type JobEvent, MAX_EVENT_BYTES } from '../../src/worker/webhooks/event.ts';

const TIMES = { created_at: '2026-10-01T12:00:00.000Z', completed_at: '2026-10-01T12:00:41.000Z' };
const timestamp = TIMES.completed_at;

const completed = {
  type: 'job.completed',
  timestamp,
  data: {
    job_id: 'job_1',
    status: 'completed',
    result: {
      video: {
        url: 'https://video.example.com/files/token/video.mp4',
        content_type: 'video/mp4',
        duration: 6.04,
        width: 1920,
        height: 1080,
        fps: 25,
      },
    },
    credits_charged: 29,
    cost_usd: 0.288,
    ...TIMES,
  },
} as const satisfies JobEvent;

const failed = {
  type: 'job.failed',
  timestamp,
  data: {
    job_id: 'job_1',
    status: 'failed',
    error: { code: 'upstream_busy', message: 'Try again later.' },
    credits_charged: 0,
    cost_usd: 0,
    ...TIMES,
  },
} as const satisfies JobEvent;

const canceled = {
  type: 'job.canceled',
  timestamp,
  data: { job_id: 'job_1', status: 'canceled', credits_charged: 0, cost_usd: 0, ...TIMES },
} as const satisfies JobEvent;

describe.each([completed, failed, canceled])('$type', (event) => {
  it('is sent as type, timestamp and the status answer', () => {
    expect(JSON.parse(eventText(event))).toEqual(event);
    expect(Object.keys(JSON.parse(eventText(event)))).toEqual(['type', 'timestamp', 'data']);
  });

  it('carries the metadata of its upload link', () => {
    const data = { ...event.data, metadata: { order: '7' } };
    expect(JSON.parse(eventText({ ...event, data } as JobEvent)).data.metadata).toEqual({ order: '7' });
  });

  it('lets nothing out that its schema does not name', () => {
    const data = { ...event.data, prompt: 'SECRET', upstream: { key: 'SECRET' } };
    expect(eventText({ ...event, data, internal: 'SECRET' } as unknown as JobEvent)).not.toContain('SECRET');
  });

  it('has a schema and an example that is valid by it', () => {
    const schema = EVENT_SCHEMAS[event.type];
    const { example, description } = schema.meta() ?? {};
    expect(description).toEqual(expect.any(String));
    expect(schema.parse(example)).toEqual(example);
  });

  it.each([
    ['a time that is none', { timestamp: 'yesterday' }],
    ['no data', { data: undefined }],
    ['another type', { type: 'job.exploded' }],
    ['the data of another status', { data: { ...event.data, status: 'in_progress' } }],
  ])('is refused with %s', (_title, wrong) => {
    expect(() => eventText({ ...event, ...wrong } as unknown as JobEvent)).toThrow(ZodError);
  });
});

it.each(JOB_ERROR_CODES)('a failure may say %s', (code) => {
  const data = { ...failed.data, error: { code, message: 'm' } };
  expect(JSON.parse(eventText({ ...failed, data })).data.error.code).toBe(code);
});

it('only a completed job is charged', () => {
  for (const event of [failed, canceled]) {
    const data = { ...event.data, credits_charged: 29 };
    expect(() => eventText({ ...event, data } as unknown as JobEvent)).toThrow(ZodError);
  }
});

it('is at most 20 kB, counted in bytes', () => {
  const withNote = (note: string) =>
    eventText({ ...canceled, data: { ...canceled.data, metadata: { note } } });
  const room = MAX_EVENT_BYTES - Buffer.byteLength(withNote(''));
  expect(Buffer.byteLength(withNote('x'.repeat(room)))).toBe(MAX_EVENT_BYTES);
  expect(() => withNote('x'.repeat(room + 1))).toThrow(RangeError);
  expect(() => withNote('é'.repeat(room - 1))).toThrow(RangeError);
});
