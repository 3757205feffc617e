import { describe, expect, it } from 'vitest';
import { PROBLEMS, problemOfSlug } from '../../src/worker/docs/problems.ts';
import { ApiError, type Failure, JOB_ERROR_CODES, problemOf, problemSlug } from '../../src/worker/errors.ts';

const failed = { code: 'image_not_loadable', message: 'The image could not be loaded.' } as const;

/** Every failure: its status, its code, and what it adds to the body and the headers. */
const TABLE: readonly [
  Failure,
  number,
  string,
  (Record<string, unknown> | undefined)?,
  Record<string, string>?,
][] = [
  [{ tag: 'malformed_body', detail: 'x' }, 400, 'malformed_body'],
  [
    { tag: 'invalid_request', errors: [{ pointer: '/a', detail: 'is wrong' }] },
    400,
    'invalid_request',
    { errors: [{ pointer: '/a', detail: 'is wrong' }] },
  ],
  [{ tag: 'invalid_idempotency_key' }, 400, 'invalid_idempotency_key'],
  [{ tag: 'conflicting_credentials' }, 400, 'conflicting_credentials'],
  [{ tag: 'unauthorized' }, 401, 'unauthorized', undefined, { 'WWW-Authenticate': 'Bearer' }],
  [
    { tag: 'insufficient_credits', required: 29, balance: 3 },
    402,
    'insufficient_credits',
    { balance: 3, required: 29 },
  ],
  [{ tag: 'forbidden_link' }, 403, 'forbidden_link'],
  [{ tag: 'invalid_signature' }, 403, 'invalid_signature'],
  [{ tag: 'not_found' }, 404, 'not_found'],
  [
    { tag: 'method_not_allowed', allow: 'GET, HEAD' },
    405,
    'method_not_allowed',
    undefined,
    { Allow: 'GET, HEAD' },
  ],
  [{ tag: 'job_ended', status: 'failed' }, 409, 'job_ended', { job_status: 'failed' }],
  [{ tag: 'job_canceled', jobId: 'job_1' }, 409, 'job_canceled', { job_id: 'job_1', credits_charged: 0 }],
  [{ tag: 'reference_conflict' }, 409, 'reference_conflict'],
  [{ tag: 'gone', what: 'job' }, 410, 'job_expired'],
  [{ tag: 'gone', what: 'idempotency_key' }, 410, 'idempotency_key_expired'],
  [{ tag: 'body_too_large', limit: 10 }, 413, 'body_too_large', { limit: 10 }],
  [{ tag: 'unsupported_media_type', expected: 'JSON' }, 415, 'unsupported_media_type'],
  [
    { tag: 'range_not_satisfiable', size: 7 },
    416,
    'range_not_satisfiable',
    undefined,
    { 'Content-Range': 'bytes */7' },
  ],
  [{ tag: 'idempotency_mismatch' }, 422, 'idempotency_mismatch'],
  [
    { tag: 'generation_failed', jobId: 'job_1', failure: failed },
    500,
    'generation_failed',
    { job_id: 'job_1', credits_charged: 0, reason: failed },
  ],
  ...(
    [
      'jobs',
      'credits',
      'storage',
      'upstream',
      'configuration',
      'directory',
      'webhook_secret',
      'resolver',
    ] as const
  ).map((part): (typeof TABLE)[number] => [
    { tag: 'unavailable', part, retryAfter: 7 },
    503,
    `${part}_unavailable`,
    undefined,
    { 'Retry-After': '7' },
  ]),
  [
    { tag: 'unavailable', part: 'jobs', retryAfter: 2, jobId: 'job_1' },
    503,
    'jobs_unavailable',
    { job_id: 'job_1' },
    { 'Retry-After': '2' },
  ],
  [
    { tag: 'unavailable', part: 'jobs', retryAfter: 2, mayBeDone: true },
    503,
    'jobs_unavailable',
    undefined,
    { 'Retry-After': '2' },
  ],
  [{ tag: 'internal' }, 500, 'internal_error'],
  [{ tag: 'gone', what: 'upload_link' }, 410, 'upload_link_gone'],
  ...(['used', 'expired', 'revoked'] as const).map((reason): (typeof TABLE)[number] => [
    { tag: 'link_closed', reason },
    410,
    `link_${reason}`,
  ]),
  [{ tag: 'upload_lost' }, 409, 'upload_lost'],
  [{ tag: 'digest_mismatch' }, 400, 'digest_mismatch'],
  [{ tag: 'digest_mismatch', tus: true }, 460, 'checksum_mismatch'],
  [{ tag: 'link_used' }, 409, 'link_already_used'],
  [{ tag: 'not_uploaded', status: 'expired' }, 409, 'not_uploaded', { link_status: 'expired' }],
  [{ tag: 'no_job' }, 409, 'no_job'],
  [{ tag: 'picture_expired' }, 410, 'picture_expired'],
  [{ tag: 'rate_limited', retryAfter: 60 }, 429, 'rate_limited', undefined, { 'Retry-After': '60' }],
  [{ tag: 'tus_version' }, 412, 'tus_version', undefined, { 'Tus-Version': '1.0.0' }],
  [{ tag: 'offset_mismatch', offset: 7 }, 409, 'offset_mismatch', { offset: 7 }, { 'Upload-Offset': '7' }],
  [{ tag: 'checksum_mismatch' }, 460, 'checksum_mismatch'],
  [{ tag: 'too_many_endpoints', limit: 20 }, 409, 'too_many_endpoints', { limit: 20 }],
  [
    { tag: 'too_many_secrets', limit: 10, freeAt: Date.UTC(2026, 9, 1) },
    409,
    'too_many_secrets',
    { limit: 10, free_at: '2026-10-01T00:00:00.000Z' },
  ],
  [{ tag: 'endpoint_disabled' }, 409, 'endpoint_disabled'],
  [{ tag: 'endpoint_deleted' }, 409, 'endpoint_deleted'],
  [{ tag: 'event_expired' }, 410, 'event_expired'],
];

describe('a failure', () => {
  it.each(TABLE.map(([failure, ...rest]) => [failure.tag, failure, ...rest] as const))(
    '%s has its status and code',
    (_, failure, status, code, extensions, headers) => {
      const problem = problemOf(failure);
      expect([problem.status, problem.code]).toEqual([status, code]);
      expect(problem.extensions).toEqual(extensions);
      expect(problem.headers).toEqual(headers);
      expect(problem.title).toMatch(/^[A-Z][^.]+$/);
      expect(problem.detail.length).toBeGreaterThan(0);
    },
  );

  it('has codes that are one status each, and a page each', () => {
    const statuses = new Map<string, Set<number>>();
    for (const [failure] of TABLE) {
      const { code, status } = problemOf(failure);
      statuses.set(code, (statuses.get(code) ?? new Set()).add(status));
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(problemOfSlug(problemSlug(code))?.code).toBe(code);
    }
    for (const seen of statuses.values()) expect(seen.size).toBe(1);
    expect(new Set(PROBLEMS.map(({ code }) => code))).toEqual(new Set(statuses.keys()));
    expect(problemOfSlug('nothing')).toBeNull();
  });

  it('of a code that two reasons share has one title', () => {
    const checksums = [
      problemOf({ tag: 'checksum_mismatch' }),
      problemOf({ tag: 'digest_mismatch', tus: true }),
    ];
    expect(new Set(checksums.map(({ code, title }) => `${code}: ${title}`))).toEqual(
      new Set(['checksum_mismatch: The checksum does not match']),
    );
    expect(new Set(checksums.map(({ detail }) => detail)).size).toBe(2);
  });

  it('tells every wrong field in one line, and the body itself without a name', () => {
    const errors = [
      { pointer: '/duration', detail: 'must be one of 6, 8' },
      { pointer: '?wait', detail: 'must be 0 to 60' },
      { pointer: '', detail: 'must be a JSON object' },
    ];
    expect(problemOf({ tag: 'invalid_request', errors }).detail).toBe(
      '/duration: must be one of 6, 8; ?wait: must be 0 to 60; must be a JSON object',
    );
  });

  it('never says that nothing was charged where a job may have been taken in', () => {
    const unknown = problemOf({ tag: 'unavailable', part: 'jobs', retryAfter: 2, jobId: 'job_1' });
    expect(unknown.detail).not.toContain('Nothing was charged');
    const repeatable = problemOf({ tag: 'unavailable', part: 'jobs', retryAfter: 2, mayBeDone: true });
    expect(repeatable.detail).not.toContain('Nothing was charged');
    expect(repeatable.detail).toContain('safe to ask again');
    expect(problemOf({ tag: 'internal' }).detail).not.toContain('Nothing was charged');
    expect(problemOf({ tag: 'unavailable', part: 'jobs', retryAfter: 2 }).detail).toContain(
      'Nothing was charged',
    );
  });

  it('of a job tells its reason, and that it cost nothing, for each reason', () => {
    for (const code of JOB_ERROR_CODES) {
      const problem = problemOf({
        tag: 'generation_failed',
        jobId: 'job_1',
        failure: { code, message: 'A sentence.' },
      });
      expect(problem.detail).toBe('A sentence. Nothing was charged.');
      expect(problem.extensions?.reason).toEqual({ code, message: 'A sentence.' });
    }
  });

  it('is carried by an error that keeps its cause', () => {
    const cause = new Error('R2 is away');
    const error = new ApiError({ tag: 'not_found' }, { cause });
    expect(error).toMatchObject({
      name: 'ApiError',
      message: 'not_found',
      failure: { tag: 'not_found' },
      cause,
    });
  });
});
