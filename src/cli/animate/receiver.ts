/** A webhook receiver as a customer would write it: it believes nothing that the `standardwebhooks` library does not. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { WebhookEvent } from '../api/answers.ts';
import { CliError, messageOf } from '../errors.ts';

/** A verified event. */
export interface ReceivedEvent {
  readonly event: WebhookEvent;
  readonly receivedAt: number;
}

/** A receiver that listens. */
export interface Receiver {
  /** What to give as `webhook_url`. */
  readonly url: string;
  /**
   * The first verified event of a job, past or coming.
   * @throws {CliError} when none comes within `timeoutMs`; says why those that came were refused.
   */
  event(jobId: string, timeoutMs: number, signal?: AbortSignal): Promise<ReceivedEvent>;
  close(): Promise<void>;
}

/** Larger bodies are refused: an event is a kilobyte or two. */
const MAX_BODY_BYTES = 1_048_576;

/** Listens on a free port of this machine for events signed with `secret` (`whsec_…`). */
export async function startReceiver(secret: string): Promise<Receiver> {
  const webhook = new Webhook(secret);
  const received = new Map<string, ReceivedEvent>();
  const refused: string[] = [];
  const waiting = new Set<() => void>();

  const take = async (request: IncomingMessage): Promise<number> => {
    const body = await readBody(request);
    if (body === null) return 413;
    try {
      const event = WebhookEvent.parse(webhook.verify(body, singleHeaders(request)));
      // The same event may come twice; the first one counts.
      if (!received.has(event.data.job_id))
        received.set(event.data.job_id, { event, receivedAt: Date.now() });
    } catch (thrown) {
      refused.push(
        thrown instanceof WebhookVerificationError ? thrown.message : `unreadable: ${messageOf(thrown)}`,
      );
      return 400;
    }
    for (const wake of [...waiting]) wake();
    return 204;
  };
  const server = createServer((request, response) => {
    take(request).then(
      (status) => response.writeHead(status).end(),
      // The sender hung up half-way; it will try again.
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${portOf(server)}/webhook`,
    event(jobId, timeoutMs, signal) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          signal?.removeEventListener('abort', onAbort);
          settle();
        };
        const check = () => {
          const found = received.get(jobId);
          if (found) finish(() => resolve(found));
        };
        const onAbort = () => finish(() => reject(signal?.reason));
        const timer = setTimeout(() => {
          const why = refused.length > 0 ? ` Refused: ${refused.join('; ')}.` : '';
          finish(() => reject(new CliError(`No valid webhook came within ${timeoutMs / 1000} s.${why}`)));
        }, timeoutMs);
        waiting.add(check);
        signal?.addEventListener('abort', onAbort);
        if (signal?.aborted) onAbort();
        else check();
      });
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The body as text; null when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function singleHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  );
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new TypeError('not a TCP server');
  return address.port;
}
