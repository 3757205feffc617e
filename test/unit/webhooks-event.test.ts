import { describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import { JOB_ERROR_CODES } from '../../src/worker/errors.ts';
import {
  EVENT_SCHEMAS,
  eventText,
  exampleOf,
  type JobEvent,
  MAX_EVENT_BYTES,
  type WebhookEvent,
} from '../../src/worker/webhooks/event.ts';
import { DISABLED_REASONS } from '../../src/worker/webhooks/events/account.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';

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

const open = {
  job_id: 'job_1',
  status: 'in_progress',
  credits_charged: 29,
  cost_usd: 0.288,
  created_at: TIMES.created_at,
} as const;

const created = {
  type: 'job.created',
  timestamp: TIMES.created_at,
  data: { ...open, phase: 'queued' },
} as const satisfies JobEvent;

const started = {
  type: 'job.started',
  timestamp,
  data: { ...open, phase: 'rendering' },
} as const satisfies JobEvent;

it('there is a schema for every type, in the order of the docs', () => {
  expect(Object.keys(EVENT_SCHEMAS)).toEqual([...EVENT_TYPES]);
  for (const [type, schema] of Object.entries(EVENT_SCHEMAS)) expect(schema.shape.type.value).toBe(type);
});

describe.each(EVENT_TYPES)('the example of %s', (type) => {
  const { example, description } = EVENT_SCHEMAS[type].meta() ?? {};

  it('is valid by its own schema, and nothing of it is left out', () => {
    expect(EVENT_SCHEMAS[type].parse(example)).toEqual(example);
    expect(exampleOf(type)).toEqual(example);
    expect(JSON.parse(eventText(exampleOf(type)))).toEqual(example);
    expect(description).toMatch(/^[A-Z].*\.$/);
  });

  it('is no valid example of another type', () => {
    for (const other of EVENT_TYPES.filter((name) => name !== type)) {
      expect(EVENT_SCHEMAS[other].safeParse(example).success, other).toBe(false);
    }
  });
});

describe.each([created, started, completed, failed, canceled])('$type', (event) => {
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

  it.each([
    ['a time that is none', { timestamp: 'yesterday' }],
    ['no data', { data: undefined }],
    ['another type', { type: 'job.exploded' }],
    ['the data of another status', { data: { ...event.data, status: 'expired' } }],
    ['the data of another event', { data: event === completed ? failed.data : completed.data }],
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

it('a job is made in the queue and started out of it, whatever its place was', () => {
  for (const [event, phase] of [
    [created, 'rendering'],
    [created, 'storing'],
    [started, 'queued'],
    [started, 'storing'],
  ] as const) {
    const data = { ...event.data, phase };
    expect(() => eventText({ ...event, data } as unknown as JobEvent)).toThrow(ZodError);
  }
  expect(
    eventText({ ...created, data: { ...created.data, queue_position: 3 } } as unknown as JobEvent),
  ).not.toContain('queue_position');
});

describe('events about the account', () => {
  const low = { type: 'credits.low', timestamp, data: { available: 0, threshold: 0 } } as const;
  const disabled = {
    type: 'endpoint.disabled',
    timestamp,
    data: { endpoint_id: 'ep_000000000000', url: 'https://a.com/', reason: 'gone', since: timestamp },
  } as const;

  it.each([low, disabled])('$type is sent as it is, and nothing besides', (event: WebhookEvent) => {
    expect(JSON.parse(eventText(event))).toEqual(event);
    const data = { ...event.data, secret: 'SECRET' };
    expect(eventText({ ...event, data, internal: 'SECRET' } as unknown as WebhookEvent)).not.toContain(
      'SECRET',
    );
  });

  it.each(DISABLED_REASONS)('an endpoint may be disabled as %s', (reason) => {
    const data = { ...disabled.data, reason };
    expect(JSON.parse(eventText({ ...disabled, data })).data.reason).toBe(reason);
  });

  it.each([
    ['credits that are no whole number', { ...low, data: { available: 1.5, threshold: 2 } }],
    ['no threshold', { ...low, data: { available: 1 } }],
    ['a reason that is none', { ...disabled, data: { ...disabled.data, reason: 'tired' } }],
    ['a time in milliseconds', { ...disabled, data: { ...disabled.data, since: 1_790_812_800_000 } }],
  ])('%s is refused', (_title, event) => {
    expect(() => eventText(event as unknown as WebhookEvent)).toThrow(ZodError);
  });

  it('has room for the longest address', () => {
    const url = `https://a.com/${'"'.repeat(4_082)}`;
    expect(eventText({ ...disabled, data: { ...disabled.data, url } }).length).toBeLessThan(MAX_EVENT_BYTES);
  });
});

it('is at most 20 kB, counted in bytes', () => {
  const withNote = (note: string) =>
    eventText({ ...canceled, data: { ...canceled.data, metadata: { note } } });
  const room = MAX_EVENT_BYTES - Buffer.byteLength(withNote(''));
  expect(Buffer.byteLength(withNote('x'.repeat(room)))).toBe(MAX_EVENT_BYTES);
  expect(() => withNote('x'.repeat(room + 1))).toThrow(RangeError);
  expect(() => withNote('é'.repeat(room - 1))).toThrow(RangeError);
});
