import type { Changes } from './changes.ts';
import type { StatusBody } from './replies.ts';

/** How often a comment is sent while nothing happens, in milliseconds, so that nobody in between hangs up. */
const PING_INTERVAL_MS = 10_000;

/**
 * Server-sent events, one status body each: the present one at once, then one at each change, each with the log lines
 * that are new since the last, until COMPLETED, `closing`, or the reader's leaving. A slow reader gets fewer events,
 * not a growing queue of them.
 *
 * @param read the present status with its whole log; undefined when the request is gone
 */
export function statusStream(
  read: () => StatusBody | undefined,
  changes: Changes,
  closing: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let logsSent = 0;
  let last = '';
  let ended = false;
  let release = () => {};

  const end = (controller: ReadableStreamDefaultController<Uint8Array>, error?: unknown) => {
    if (ended) return;
    ended = true;
    release();
    if (error === undefined) controller.close();
    else controller.error(error);
  };

  /** Sends what is new. Sending may call this again at once: what was sent is noted before. */
  const push = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if (ended || (controller.desiredSize ?? 0) <= 0) return;
    const status = read();
    if (!status) return end(controller);
    const { logs, ...rest } = status;
    const news = logs === undefined ? {} : { logs: logs.slice(logsSent) };
    const state = JSON.stringify(rest);
    if (state !== last || (news.logs?.length ?? 0) > 0) {
      last = state;
      logsSent = logs?.length ?? 0;
      controller.enqueue(encoder.encode(`data: ${JSON.stringify({ ...rest, ...news })}\n\n`));
    }
    if (status.status === 'COMPLETED') end(controller);
  };

  return new ReadableStream<Uint8Array>({
    start(controller) {
      const close = () => end(controller);
      const onChange = () => {
        try {
          push(controller);
        } catch (error) {
          end(controller, error);
        }
      };
      const ping = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': still here\n\n'));
      }, PING_INTERVAL_MS);
      const unwatch = changes.watch(onChange);
      closing.addEventListener('abort', close, { once: true });
      release = () => {
        clearInterval(ping);
        unwatch();
        closing.removeEventListener('abort', close);
      };
      if (closing.aborted) close();
    },
    pull: push,
    cancel() {
      ended = true;
      release();
    },
  });
}
