/** The vocabulary of a script for `ScriptedUpstream`. */

/** How a call is answered, whatever it asks. */
export type Answer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** 200 with something that is no JSON. */
  | 'garbage'
  /** 200 with a body that goes on until the reader cancels it. */
  | 'huge'
  /** 307 to a foreign host. */
  | 'redirect'
  /** The connection breaks before any answer. */
  | 'lost'
  /** No answer until the test calls `release()`, then the natural one. */
  | 'hang';

export type SubmitStep =
  /** Takes the request. */
  | 'accept'
  /** Takes the request; the URLs of the answer point to a foreign host. */
  | 'foreign_urls'
  /** Takes the request, then answers like this: accepted, but the caller cannot know. */
  | { readonly accept: Answer }
  /** Does not take the request, except for `hang`, which takes it when it is released. */
  | Answer;

export type StatusStep = 'queued' | 'running' | 'completed' | 'unknown' | Answer;

export type ResultStep =
  | 'video'
  /** 200 and no `video.url`. */
  | 'no_url'
  /** 422 content_policy_violation that repeats the prompt in `msg` and `input`, as fal does. */
  | 'prompt_echo'
  | Answer;

export type FileStep =
  | 'mp4'
  /** Full Content-Length, half the bytes, then the connection breaks. */
  | 'cut_off'
  /** Half the bytes, the rest after `release()`. */
  | 'slow'
  /** 200, `video/mp4`, but text. */
  | 'not_video'
  | Answer;

export type CancelStep =
  /** Ends the request, unless it has completed: then 400 ALREADY_COMPLETED. */
  | 'cancel'
  /** 202, and the request goes on. */
  | 'ignored'
  | Answer;

/**
 * What happens to one job: for each kind of call a list of steps, taken one a call; the last one stays. Without a
 * list the upstream behaves well: it accepts; the status is queued, running, completed; the result is a video.
 * A new list starts at its beginning.
 */
export interface JobPlan {
  readonly submit?: readonly SubmitStep[];
  readonly status?: readonly StatusStep[];
  readonly result?: readonly ResultStep[];
  readonly file?: readonly FileStep[];
  readonly cancel?: readonly CancelStep[];
  /** Further members of the result's `video`, such as width and duration. fal often gives none. */
  readonly video?: Readonly<Record<string, unknown>>;
}

/** Where a wrong answer points to. Nothing may ever be sent there. */
export const FOREIGN_ORIGIN = 'https://foreign.upstream.test';

/** A connection that broke, as workerd's `fetch` reports it: the same error whether or not the request had left. */
export class ConnectionLost extends Error {
  readonly retryable = true;
  readonly remote = true;
  constructor() {
    super('Network connection lost.');
  }
}

/** JSON with a status. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });
}
