import { describe, expect, it } from 'vitest';
import { JOB_ERROR_CODES, type JobErrorCode } from '../../src/worker/errors.ts';
import { readUpstreamError } from '../../src/worker/upstream/error.ts';
import {
  endOfStatus,
  failedBy,
  failureOf,
  isStillOpen,
  resultVerdict,
  submitVerdict,
  tellsTheEnd,
} from '../../src/worker/upstream/policy.ts';

const SECRET_PROMPT = 'a prompt that must not come back';

const modelError = (type: string, loc: readonly unknown[] = ['body', 'prompt']) => ({
  detail: [{ loc, msg: `${SECRET_PROMPT} is wrong`, type, input: { prompt: SECRET_PROMPT } }],
});
const infraError = (type: string) => ({ detail: `text about ${SECRET_PROMPT}`, error_type: type });

const read = (status: number | null, body: unknown, headers: Record<string, string> = {}) =>
  readUpstreamError(status, new Headers(headers), body);
const codeOf = (status: number | null, body: unknown, headers: Record<string, string> = {}) =>
  failedBy(read(status, body, headers)).failure.code;

/** fal's error reference: type, HTTP status, what it is to a customer. */
const MODEL_ERRORS: readonly (readonly [string, number, JobErrorCode])[] = [
  ['internal_server_error', 500, 'upstream_error'],
  ['generation_timeout', 504, 'upstream_timeout'],
  ['downstream_service_error', 400, 'upstream_error'],
  ['downstream_service_error', 500, 'upstream_error'],
  ['downstream_service_unavailable', 500, 'upstream_busy'],
  ['content_policy_violation', 422, 'content_policy_violation'],
  ['image_too_small', 422, 'image_too_small'],
  ['image_too_large', 422, 'image_too_large'],
  ['image_load_error', 422, 'image_not_loadable'],
  ['file_download_error', 422, 'image_not_loadable'],
  ['face_detection_error', 422, 'invalid_input'],
  ['file_too_large', 422, 'image_too_large'],
  ['greater_than', 422, 'invalid_input'],
  ['greater_than_equal', 422, 'invalid_input'],
  ['less_than', 422, 'invalid_input'],
  ['less_than_equal', 422, 'invalid_input'],
  ['multiple_of', 422, 'invalid_input'],
  ['missing', 422, 'invalid_input'],
  ['sequence_too_short', 422, 'invalid_input'],
  ['sequence_too_long', 422, 'invalid_input'],
  ['one_of', 422, 'invalid_input'],
  ['no_media_generated', 422, 'upstream_error'],
  ['feature_not_supported', 422, 'invalid_input'],
  ['unsupported_image_format', 422, 'unsupported_image'],
  ['value_error', 422, 'invalid_input'],
  ['concurrent_requests_limit', 429, 'upstream_busy'],
];

const INFRASTRUCTURE_ERRORS: readonly (readonly [string, number, JobErrorCode])[] = [
  ['request_timeout', 504, 'upstream_timeout'],
  ['startup_timeout', 504, 'upstream_timeout'],
  ['runner_scheduling_failure', 503, 'upstream_busy'],
  ['runner_connection_timeout', 503, 'upstream_error'],
  ['runner_disconnected', 503, 'upstream_error'],
  ['runner_connection_refused', 503, 'upstream_error'],
  ['runner_connection_error', 503, 'upstream_error'],
  ['runner_incomplete_response', 502, 'upstream_error'],
  ['runner_server_error', 500, 'upstream_error'],
  ['client_disconnected', 499, 'upstream_error'],
  ['client_cancelled', 499, 'upstream_error'],
  ['bad_request', 400, 'invalid_input'],
  ['internal_error', 500, 'upstream_error'],
];

describe('the code of an error', () => {
  it.each(MODEL_ERRORS)('model error %s (%d) is %s', (type, status, code) => {
    expect(codeOf(status, modelError(type))).toBe(code);
  });

  it.each(INFRASTRUCTURE_ERRORS)('infrastructure error %s (%d) is %s', (type, status, code) => {
    expect(codeOf(status, infraError(type))).toBe(code);
    // The header alone is enough, as on an answer whose body a gateway replaced.
    expect(codeOf(status, undefined, { 'x-fal-error-type': type })).toBe(code);
  });

  it.each([
    [400, 'invalid_input'],
    [401, 'upstream_rejected_credentials'],
    [402, 'upstream_rejected_credentials'],
    [403, 'upstream_rejected_credentials'],
    [404, 'upstream_error'],
    [408, 'upstream_timeout'],
    [413, 'invalid_input'],
    [418, 'upstream_error'],
    [422, 'invalid_input'],
    [429, 'upstream_busy'],
    [500, 'upstream_error'],
    [502, 'upstream_error'],
    [503, 'upstream_busy'],
    [504, 'upstream_timeout'],
    [null, 'upstream_error'],
  ] as const)('status %s alone is %s', (status, code) => {
    for (const body of [
      undefined,
      null,
      'text',
      7,
      [],
      {},
      { detail: 7 },
      { detail: 'text' },
      { detail: [null] },
    ]) {
      expect(codeOf(status, body)).toBe(code);
    }
  });

  it('takes the first type that it knows, wherever it stands', () => {
    const detail = [{ type: 'brand_new_error' }, { type: 'image_too_small', loc: ['body', 'end_image_url'] }];
    expect(failedBy(read(422, { detail }))).toMatchObject({
      failure: { code: 'image_too_small', message: expect.stringContaining('The end image') },
    });
  });

  it('falls back to the status for a type that it does not know', () => {
    for (const type of ['brand_new_error', 'constructor', '__proto__']) {
      expect(codeOf(422, modelError(type))).toBe('invalid_input');
    }
  });

  it('believes a refused account more than a vague type', () => {
    expect(codeOf(403, infraError('bad_request'))).toBe('upstream_rejected_credentials');
    expect(codeOf(403, modelError('content_policy_violation'))).toBe('content_policy_violation');
  });

  it('calls a request that never started in its time a lack of capacity', () => {
    const headers = { 'x-fal-request-timeout-type': 'user' };
    expect(codeOf(504, infraError('request_timeout'), headers)).toBe('upstream_busy');
  });

  it('marks a cancel, and nothing else, as one', () => {
    expect(failedBy(read(499, infraError('client_cancelled')))).toMatchObject({ canceled: true });
    for (const [type, status] of [...MODEL_ERRORS, ...INFRASTRUCTURE_ERRORS]) {
      if (type !== 'client_cancelled')
        expect(failedBy(read(status, infraError(type)))).not.toHaveProperty('canceled');
    }
  });
});

describe('the sentence of an error', () => {
  it('never repeats what the upstream said', () => {
    for (const [type, status] of [...MODEL_ERRORS, ...INFRASTRUCTURE_ERRORS]) {
      for (const body of [modelError(type), infraError(type), modelError(type, [SECRET_PROMPT])]) {
        expect(failedBy(read(status, body)).failure.message).not.toContain(SECRET_PROMPT);
      }
    }
  });

  it.each([
    ['image_url', 'The start image could not be loaded.'],
    ['end_image_url', 'The end image could not be loaded.'],
    ['elsewhere', 'An image could not be loaded.'],
    ['toString', 'An image could not be loaded.'],
  ])('names the image at %s', (field, sentence) => {
    const { message } = failedBy(read(422, modelError('image_load_error', ['body', field]))).failure;
    expect(message).toContain(sentence);
  });

  it('is whole for every code, and says what to do', () => {
    for (const code of JOB_ERROR_CODES) {
      expect(failureOf(code).message).toMatch(
        /^[A-Z].+\. (Change|Check|Send|Try|Ask) .+\.$|^The input .+ Check .+\.$/,
      );
      expect(failureOf(code).message).not.toMatch(/\bfal\b|\bkey\b/i);
    }
  });
});

describe('what a refusal of a submit proves', () => {
  it.each([400, 401, 402, 403, 404, 405, 413, 415, 422, 451])('%d: nothing runs there', (status) => {
    expect(submitVerdict(status)).toBe('refused');
  });
  it.each([429, 521, 523, 525, 526, 530])('%d: it was not taken, so it may be sent again', (status) => {
    expect(submitVerdict(status)).toBe('not_accepted');
  });
  it.each([301, 302, 303, 307, 308, 408, 409, 425, 499, 500, 502, 503, 504, 520, 522, 524, 599])(
    '%d: nothing',
    (status) => {
      expect(submitVerdict(status)).toBe('unknown');
    },
  );
});

describe('what an error of the result call means', () => {
  it('ends the job for every type that fal documents, but for a rate limit', () => {
    for (const [type, status] of [...MODEL_ERRORS, ...INFRASTRUCTURE_ERRORS]) {
      const verdict = resultVerdict(read(status, modelError(type)));
      expect([type, verdict]).toEqual([type, status === 429 ? 'transient' : 'ended']);
    }
  });

  it.each([
    [404, { detail: 'Not Found' }, {}, 'gone'],
    [410, undefined, {}, 'gone'],
    [404, modelError('image_load_error'), {}, 'gone'],
    [307, undefined, {}, 'transient'],
    [400, undefined, {}, 'transient'],
    [400, { detail: 'Something' }, {}, 'ended'],
    [401, { detail: 'No' }, {}, 'transient'],
    [402, { detail: 'No' }, {}, 'transient'],
    [403, { detail: 'No' }, {}, 'transient'],
    [408, { detail: 'No' }, {}, 'transient'],
    [422, undefined, {}, 'ended'],
    [429, { detail: 'Slow' }, {}, 'transient'],
    [499, undefined, {}, 'ended'],
    // A 500 in fal's shape is the job's own; a page of a gateway is not.
    [500, { detail: 'Internal Server Error' }, {}, 'ended'],
    [500, { detail: 'Internal Server Error' }, { 'x-fal-retryable': 'true' }, 'transient'],
    [500, { detail: 'Internal Server Error' }, { 'x-fal-needs-retry': '1' }, 'transient'],
    [500, undefined, {}, 'transient'],
    [502, { detail: 'Bad Gateway' }, {}, 'transient'],
    [503, { detail: 'Unavailable' }, {}, 'transient'],
    [503, { detail: 'Unavailable' }, { 'x-fal-retryable': 'false' }, 'ended'],
    [504, undefined, { 'x-fal-retryable': 'false' }, 'transient'],
    [530, undefined, {}, 'transient'],
  ] as const)('%d %o %o is %s', (status, body, headers, verdict) => {
    expect(resultVerdict(read(status, body, headers))).toBe(verdict);
  });

  it.each([
    [200, { status: 'IN_QUEUE' }, true],
    [202, { status: 'IN_PROGRESS' }, true],
    [400, { detail: 'Request is still in progress' }, true],
    [400, { detail: 'The request is not ready' }, true],
    [200, { status: 'COMPLETED' }, false],
    [200, { video: { url: 'https://files.test/a.mp4' } }, false],
    [400, { detail: 'Something' }, false],
    [500, { detail: 'Request is still in progress' }, false],
    [200, undefined, false],
  ] as const)('%d %o came too early: %s', (status, body, early) => {
    expect(isStillOpen(status, body)).toBe(early);
  });
});

describe('whether a status or an event tells enough', () => {
  it.each([
    ['content_policy_violation', true],
    ['generation_timeout', true],
    ['client_cancelled', true],
    ['bad_request', false],
    ['internal_error', false],
    ['internal_server_error', false],
    ['runner_server_error', false],
    ['brand_new_error', false],
  ])('%s: %s', (type, tells) => {
    expect(tellsTheEnd(read(null, { error_type: type }))).toBe(tells);
  });

  it.each([
    ['generation_timeout', 'upstream_timeout'],
    ['runner_scheduling_failure', 'upstream_busy'],
    ['client_cancelled', 'upstream_error'],
    // Which image, which field: the result call tells.
    ['image_load_error', undefined],
    ['content_policy_violation', undefined],
    ['value_error', undefined],
    ['internal_error', undefined],
  ])('a status with %s ends the job as %s', (type, code) => {
    expect(endOfStatus(read(null, { detail: 'text', error_type: type }))?.failure.code).toBe(code);
  });
});
