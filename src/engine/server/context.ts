import type { Changes } from './changes.ts';
import type { ErrorReply } from './errors.ts';
import type { VideoFiles } from './files.ts';
import type { Log } from './log.ts';
import type { RequestStore } from './requests.ts';
import type { Scheduler } from './scheduler.ts';
import type { WebhookSigner } from './signing.ts';

/** What the routes work with. */
export interface AppParts {
  readonly requests: RequestStore;
  readonly scheduler: Scheduler;
  readonly files: VideoFiles;
  readonly changes: Changes;
  readonly signer: WebhookSigner;
  readonly log: Log;
  /** The engine's own base URL: links are made from it, never from a `Host` header. */
  readonly base: () => string;
  /** Aborted when the engine closes. */
  readonly closing: AbortSignal;
  /** Whether only callers that name this machine in `Host` are answered. */
  readonly loopbackOnly: boolean;
}

/** Hono's types for the engine. `requestId` is what `x-fal-request-id` says. */
export interface AppTypes {
  Variables: { requestId: string };
}

/** Sends an error in fal's shape. Its status may be one that Hono's types do not know, such as 499. */
export function sendError({ status, body, headers }: ErrorReply): Response {
  return Response.json(body, { status, headers });
}
