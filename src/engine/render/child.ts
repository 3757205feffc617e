/**
 * The child process: one render, then exit.
 *
 * It runs in a process of its own because it parses untrusted bytes, blocks while it decodes and may die of either.
 */

import { rmSync } from 'node:fs';
import type { ChildMessage, StartMessage } from './protocol.ts';
import { render } from './render.ts';

/** "A few times a second at most". */
const PROGRESS_INTERVAL_MS = 250;

const orphaned = new AbortController();

process.once('message', (message: StartMessage) => {
  // The parent died: nobody wants the video. Aborting kills FFmpeg at once, so that nothing is written after the rm.
  process.once('disconnect', () => {
    orphaned.abort();
    rmSync(message.partPath, { force: true });
    process.exit(1);
  });
  let reported = 0;
  const progress = (done: number, total: number): void => {
    const now = Date.now();
    if (now - reported < PROGRESS_INTERVAL_MS && done < total) return;
    reported = now;
    say({ kind: 'progress', done, total });
  };
  render(message, progress, orphaned.signal).then(finish, (cause: unknown) => {
    finish({
      kind: 'crashed',
      message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    });
  });
});

function say(message: ChildMessage): void {
  // Where the parent is gone, `disconnect` says so too.
  process.send?.(message, () => {});
}

/** Says how it ended and exits once that is sent. */
function finish(message: ChildMessage): void {
  process.send?.(message, () => process.exit(0));
}
