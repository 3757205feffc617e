/**
 * fal's two shapes of failure. What is wrong with the input or the model's work is a `detail` array; what is wrong with
 * the queue or a runner is a sentence with an `error_type`, repeated in a header. Clients branch on the types. Pure.
 */

import type * as z from 'zod';
import type { ErrorDetail } from '../contract.ts';

/** The infrastructure failures that this engine can have, with their status. */
const INFRASTRUCTURE = {
  bad_request: { status: 400, detail: 'Bad request' },
  client_cancelled: { status: 499, detail: 'Request was cancelled by the client' },
  internal_error: { status: 500, detail: 'Internal error' },
  request_timeout: { status: 504, detail: 'Request timed out' },
} as const;

export type InfrastructureErrorType = keyof typeof INFRASTRUCTURE;

/** An answer that says what went wrong. */
export interface ErrorReply {
  readonly status: number;
  readonly body:
    | { readonly detail: readonly ErrorDetail[] }
    | { readonly detail: string; readonly error_type?: InfrastructureErrorType }
    | { readonly status: 'NOT_FOUND' };
  readonly headers: Readonly<Record<string, string>>;
}

/** A failure of the queue or a runner. `detail` defaults to the type's own sentence. */
export function infrastructureError(type: InfrastructureErrorType, detail?: string): ErrorReply {
  return {
    status: INFRASTRUCTURE[type].status,
    body: { detail: detail ?? INFRASTRUCTURE[type].detail, error_type: type },
    headers: { 'x-fal-error-type': type },
  };
}

/** A failure that says only a sentence, as fal does for a missing key and a path that it does not know. */
export function plainError(status: number, detail: string): ErrorReply {
  return { status, body: { detail }, headers: {} };
}

/** Details longer than this, in characters of JSON, do not repeat the input: it may be a whole image. */
const MAX_ECHO_CHARACTERS = 1_000;

/** A failure of the input or the model. An `input` that is long is left out. */
export function modelError(status: number, detail: readonly ErrorDetail[]): ErrorReply {
  return { status, body: { detail: detail.map(withoutLongInput) }, headers: {} };
}

function withoutLongInput(detail: ErrorDetail): ErrorDetail {
  const { input, ...rest } = detail;
  if (input === undefined) return rest;
  return (JSON.stringify(input)?.length ?? 0) > MAX_ECHO_CHARACTERS ? rest : { ...rest, input };
}

/** The renderer died or broke its word: fal's model error for it. */
export const RENDER_CRASHED = modelError(500, [
  { loc: ['body'], msg: 'Internal server error', type: 'internal_server_error' },
]);

/** The render took longer than a render may take. */
export const RENDER_TIMED_OUT = modelError(504, [
  { loc: ['body'], msg: 'Generation timed out', type: 'generation_timeout' },
]);

/** The caller's own limit on waiting has passed; `user` tells clients not to try again. */
export const NOT_STARTED_IN_TIME: ErrorReply = {
  ...infrastructureError('request_timeout'),
  headers: { 'x-fal-error-type': 'request_timeout', 'x-fal-request-timeout-type': 'user' },
};

/** What a status answer says about an error: its first sentence and its type. */
export function summaryOf({ body, headers }: ErrorReply): { error: string; error_type: string } {
  if (!('detail' in body)) return { error: body.status, error_type: 'internal_error' };
  if (!Array.isArray(body.detail)) {
    return { error: String(body.detail), error_type: headers['x-fal-error-type'] ?? 'internal_error' };
  }
  const first: ErrorDetail | undefined = body.detail[0];
  return { error: first?.msg ?? 'Unknown error', error_type: first?.type ?? 'internal_server_error' };
}

/** No request has this id under this app. */
export const REQUEST_NOT_FOUND: ErrorReply = { status: 404, body: { status: 'NOT_FOUND' }, headers: {} };

/** What a failed validation says, in the words of fal's validator (pydantic). `body` is what was submitted. */
export function validationError(error: z.ZodError, body: unknown): ErrorReply {
  return modelError(
    422,
    error.issues.map((issue) => {
      const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
      const input = path.reduce<unknown>(memberOf, body);
      return {
        loc: ['body', ...path],
        ...pydanticWords(issue, input),
        ...(input === undefined ? {} : { input }),
      };
    }),
  );
}

function memberOf(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}

function pydanticWords(issue: z.core.$ZodIssue, input: unknown): { msg: string; type: string } {
  if (issue.path.length > 0 && input === undefined) return { msg: 'Field required', type: 'missing' };
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? { msg: issue.message, type: 'value_error' };
    case 'invalid_value': {
      const values = issue.values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)));
      return { msg: `Input should be ${values.join(', ')}`, type: 'literal_error' };
    }
    case 'too_small':
      return { msg: `String should have at least ${issue.minimum} character`, type: 'string_too_short' };
    default:
      return { msg: issue.message, type: 'value_error' };
  }
}

const TYPE_WORDS: Readonly<Record<string, { msg: string; type: string }>> = {
  string: { msg: 'Input should be a valid string', type: 'string_type' },
  number: { msg: 'Input should be a valid number', type: 'int_type' },
  boolean: { msg: 'Input should be a valid boolean', type: 'bool_type' },
  object: { msg: 'Input should be a valid dictionary', type: 'dict_type' },
};
