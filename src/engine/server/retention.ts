import type { VideoFiles } from './files.ts';
import { type Log, messageOf } from './log.ts';
import type { RequestStore } from './requests.ts';

/** How long an ended request is kept unless said otherwise, in milliseconds: a day, to look at what a test left. */
export const DEFAULT_RETENTION_MS = 24 * 3_600_000;

/** How often expired requests are looked for, in milliseconds, and how many are removed at a time. */
const PRUNE_INTERVAL_MS = 60_000;
const PRUNE_BATCH = 100;

/** Removes ended requests and their files when their time has passed. */
export class Retention {
  readonly #requests: RequestStore;
  readonly #files: VideoFiles;
  readonly #retentionMs: number;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #pruning: Promise<void> = Promise.resolve();

  constructor(requests: RequestStore, files: VideoFiles, retentionMs: number, log: Log) {
    this.#requests = requests;
    this.#files = files;
    this.#retentionMs = retentionMs;
    this.#log = log;
  }

  /** Removes what has expired by `now`, the file before the row, so that no file is left without one. */
  async prune(now: number): Promise<number> {
    let removed = 0;
    for (;;) {
      const expired = this.#requests.expired(now - this.#retentionMs, PRUNE_BATCH);
      for (const request of expired) {
        await this.#files.remove(request);
        this.#requests.remove(request.id);
      }
      removed += expired.length;
      if (expired.length < PRUNE_BATCH) break;
    }
    if (removed > 0) this.#log({ level: 'info', event: 'requests_pruned', count: removed });
    return removed;
  }

  /** Prunes now and from time to time. */
  start(): void {
    const round = () => {
      this.#pruning = this.prune(Date.now()).then(
        () => undefined,
        (error: unknown) => this.#log({ level: 'error', event: 'prune_failed', message: messageOf(error) }),
      );
    };
    round();
    this.#timer = setInterval(round, PRUNE_INTERVAL_MS);
  }

  /** Stops, after the round that is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#pruning;
  }
}
