/** Failures as answers: RFC 9457 `application/problem+json`, one shape for every non-2xx. */

import type { Context, ErrorHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type App, ConfigError, configOf } from '../env.ts';
import { ApiError, type Failure, type FieldError, problemOf, problemSlug } from '../errors.ts';

/** The answer to a failed request, with the headers that its route has set already. */
export function problemResponse(
  c: Context<App>,
  failure: Failure,
  extensions: Readonly<Record<string, unknown>> = {},
): Response {
  const problem = problemOf(failure);
  const body = {
    type: problemType(c, problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    request_id: c.get('requestId'),
    // For clients that look for a plain `error` text.
    error: problem.detail,
    ...problem.extensions,
    ...extensions,
  };
  return c.body(JSON.stringify(body), problem.status as ContentfulStatusCode, {
    ...problem.headers,
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  });
}

/** A problem type is a page of ours; a deployment without a configuration has no address yet. */
function problemType(c: Context<App>, code: string): string {
  try {
    return `${configOf(c.env).PUBLIC_URL}/problems/${problemSlug(code)}`;
  } catch {
    return 'about:blank';
  }
}

/** Renders what was thrown on the way to an answer. What is none of ours is logged, and told as an internal error. */
export const onError: ErrorHandler<App> = (cause, c) => {
  if (cause instanceof ApiError) return problemResponse(c, cause.failure);
  if (cause instanceof ConfigError) {
    console.error({ event: 'misconfigured', request_id: c.get('requestId'), problem: cause.message });
    return problemResponse(c, { tag: 'unavailable', part: 'configuration', retryAfter: 300 });
  }
  console.error({
    event: 'internal_error',
    request_id: c.get('requestId'),
    route: c.req.routePath,
    cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  });
  return problemResponse(c, { tag: 'internal' });
};

/** What a zod issue has that a field error needs. */
export interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of an `unrecognized_keys` issue. */
  readonly keys?: readonly string[] | undefined;
}

/** Most unknown fields that an answer names: a body of nothing else must not make an answer many times its size. */
const MAX_UNKNOWN_FIELDS = 20;
/** Longest name of an unknown field that is repeated whole, in characters. */
const MAX_NAME_LENGTH = 100;

/**
 * Zod's issues as field errors, each with its JSON pointer (RFC 6901: the whole body is the empty one). An unknown
 * field is named by its own.
 */
export function fieldErrors(issues: readonly Issue[]): FieldError[] {
  return issues.flatMap((issue): FieldError[] => {
    const pointer = issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
    return issue.code === 'unrecognized_keys'
      ? unknownFields(pointer, issue.keys ?? [])
      : [{ pointer, detail: issue.message }];
  });
}

function unknownFields(pointer: string, names: readonly string[]): FieldError[] {
  const errors = names.slice(0, MAX_UNKNOWN_FIELDS).map((name) => ({
    pointer: `${pointer}/${escapePointer(shortened(name))}`,
    detail: 'is not a field of this request; check its spelling',
  }));
  const more = names.length - errors.length;
  return more > 0 ? [...errors, { pointer, detail: `${more} more fields are not of this request` }] : errors;
}

function shortened(name: string): string {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
}

function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}
