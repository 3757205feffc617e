import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { readBody } from '../body.ts';
import { type AppParts, type AppTypes, sendError } from '../context.ts';
import { endpointById, inputSchema } from '../endpoint.ts';
import { infrastructureError, modelError, plainError, validationError } from '../errors.ts';
import { isLoopbackUrl } from '../loopback.ts';
import { submitBody } from '../replies.ts';

/** Largest submit, in bytes: room for two images of 10 MB as base64. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Longest callback URL, in characters. */
const MAX_CALLBACK_LENGTH = 4_096;

/** Longer times to start, in seconds, are as good as this one: a year. */
const MAX_START_TIMEOUT_S = 31_536_000;

/** `POST /{endpoint id}?fal_webhook=`: queues a request. Two with one callback URL are one request. */
export function submitRoutes(parts: AppParts): Hono<AppTypes> {
  const { requests, scheduler, changes, log, base } = parts;
  return new Hono<AppTypes>().post('*', async (c) => {
    const endpoint = endpointById(c.req.path.slice(1));
    if (!endpoint) return sendError(plainError(404, `Application '${c.req.path.slice(1)}' not found`));

    const callbackUrl = c.req.query('fal_webhook');
    if (callbackUrl !== undefined && !isCallbackUrl(callbackUrl)) {
      return sendError(infrastructureError('bad_request', 'fal_webhook must be an http(s) URL'));
    }

    const timeout = c.req.header('x-fal-request-timeout');
    const timeoutS = timeout === undefined ? undefined : Math.min(Number(timeout), MAX_START_TIMEOUT_S);
    if (timeoutS !== undefined && !(timeoutS > 0)) {
      return sendError(infrastructureError('bad_request', 'x-fal-request-timeout must be seconds above 0'));
    }

    const bytes = await readBody(c.req.raw.body, MAX_BODY_BYTES);
    if (!bytes) return sendError(plainError(413, `Request body is larger than ${MAX_BODY_BYTES} bytes`));
    const body = parseJson(bytes);
    if (body === undefined) {
      return sendError(modelError(422, [{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }]));
    }
    const input = inputSchema.safeParse(body);
    if (!input.success) return sendError(validationError(input.error, body));

    const id = randomUUID();
    const now = Date.now();
    const startBy = timeoutS === undefined ? undefined : Math.round(now + timeoutS * 1_000);
    const { request, created } = requests.submit(
      { id, endpoint, callbackUrl, input: input.data, startBy },
      now,
    );
    c.set('requestId', request.id);
    const answer = submitBody(base(), request, requests.position(request));
    if (created) {
      log({ level: 'info', event: 'request_queued', request_id: id, position: answer.queue_position });
      if (callbackUrl !== undefined && !isLoopbackUrl(callbackUrl)) {
        log({ level: 'warn', event: 'webhook_will_not_be_sent', request_id: id });
      }
      changes.notify();
      scheduler.wake();
    }
    return c.json(answer);
  });
}

function isCallbackUrl(text: string): boolean {
  const url = text.length <= MAX_CALLBACK_LENGTH ? URL.parse(text) : null;
  return url?.protocol === 'http:' || url?.protocol === 'https:';
}

/** The value that the bytes spell in JSON; undefined when they spell none. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined; // The caller tells the client; what exactly was wrong is not worth an echo.
  }
}
