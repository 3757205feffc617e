/** One HTTP call to the service: parsed answer, or an error that says in one sentence what was wrong. */

import { setTimeout as sleep } from 'node:timers/promises';
import type * as z from 'zod';
import { CliError, messageOf } from '../errors.ts';
import { ProblemBody } from './answers.ts';

/** The service refused: its own words, the stable code, and the id under which its log has the request. */
export class ProblemError extends CliError {
  readonly status: number;
  readonly code: string;
  constructor(problem: ProblemBody, what: string) {
    const request = problem.request_id === undefined ? '' : `, request ${problem.request_id}`;
    super(`${what}: ${problem.detail} (${problem.status} ${problem.code}${request})`);
    this.status = problem.status;
    this.code = problem.code;
  }
}

/** One call. */
export interface Call<T> {
  /** What is being done, for the error's sentence, such as `The upload was refused`. */
  readonly what: string;
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as `Authorization: Bearer`. */
  readonly token: string;
  readonly json?: unknown;
  readonly body?: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** What a 2xx answer must look like. */
  readonly answer: z.ZodType<T>;
  readonly signal?: AbortSignal | undefined;
  /** Tries in all. More than one only for calls that may safely come twice. */
  readonly tries?: number;
}

/** An answer that takes longer is given up, in ms. Long polls answer within 60 s. */
const TIMEOUT_MS = 90_000;
/** Between tries, doubled each time, in ms: a restart of the service takes about a second. */
const FIRST_PAUSE_MS = 500;

/**
 * Makes the call.
 * @throws {ProblemError} when the service refuses, {@link CliError} when it cannot be reached or answers nonsense.
 */
export async function call<T>(request: Call<T>): Promise<T> {
  const tries = request.tries ?? 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await callOnce(request);
    } catch (thrown) {
      request.signal?.throwIfAborted();
      if (attempt >= tries || !isWorthRepeating(thrown)) throw thrown;
      await sleep(
        FIRST_PAUSE_MS * 2 ** (attempt - 1),
        undefined,
        request.signal ? { signal: request.signal } : {},
      );
    }
  }
}

/** A service that is not there, or says that it will be back. Anything else it would say again. */
function isWorthRepeating(thrown: unknown): boolean {
  return thrown instanceof Unreachable || (thrown instanceof ProblemError && thrown.status === 503);
}

class Unreachable extends CliError {}

async function callOnce<T>(request: Call<T>): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(request.url, {
      method: request.method ?? 'GET',
      headers: {
        Authorization: `Bearer ${request.token}`,
        ...(request.json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(request.body ? { 'Content-Type': request.body.type } : {}),
        ...request.headers,
      },
      body: request.body?.bytes ?? (request.json === undefined ? null : JSON.stringify(request.json)),
      // The key goes to the given host and to no other.
      redirect: 'error',
      signal: request.signal ? AbortSignal.any([request.signal, timeout]) : timeout,
    });
    text = await response.text();
  } catch (cause) {
    request.signal?.throwIfAborted();
    throw new Unreachable(`${new URL(request.url).origin} cannot be reached: ${messageOf(cause)}.`, {
      hint: 'Is the service running there? "npm start" starts one.',
      cause,
    });
  }
  const value = parseJson(text);
  if (!response.ok) {
    const problem = ProblemBody.safeParse(value);
    if (problem.success) throw new ProblemError(problem.data, request.what);
    throw new CliError(
      `${request.what}: ${request.url} answered ${response.status}, and not as this service does.`,
    );
  }
  const parsed = request.answer.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
  throw new CliError(`${request.url} answered ${response.status} with something unexpected (${wrong}).`);
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller reports what came instead of it.
    return undefined;
  }
}
