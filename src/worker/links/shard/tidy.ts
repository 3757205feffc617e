/**
 * The shard's duty to clear away what upload links leave behind: pieces of uploads that were never finished, pictures
 * whose time is over, and in the end the link itself. Each step deletes files first and writes last, so a crash between
 * the two is taken up again.
 */

import { within } from '../../calls.ts';
import { type Claim, TIDY_KEY } from '../../jobs/due.ts';
import type { JobStore } from '../../jobs/store.ts';
import { deliveryPrefix } from '../../webhooks/ids.ts';
import { FINISH_GRACE_MS } from '../state.ts';

export interface TidyDeps {
  readonly store: JobStore;
  /** Deletes a page of a link's pieces and of the pictures that are not `keep`. True when none is left. */
  readonly deleteParts: (uploadId: string, keep: string | null) => Promise<boolean>;
  /** Deletes the link's picture. True when nothing is left of it. */
  readonly deletePicture: (uploadId: string) => Promise<boolean>;
  /** How long a picture is kept after it came, in ms. */
  readonly pictureMs: number;
  /** How long a link is remembered after it was made, in ms. */
  readonly retentionMs: number;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** Links looked after in one piece of work: each costs two or four R2 calls, and they share the work's time. */
const BATCH = 20;
/** Bound of the R2 calls of one link. */
const DELETE_MS = 10_000;
/** No link is begun later than this in a run, in ms: the claim must outlast it and the last link's calls. */
const RUN_MS = 40_000;

export class Tidy {
  readonly #deps: TidyDeps;

  constructor(deps: TidyDeps) {
    this.#deps = deps;
  }

  /** Due work: clears away what is due, the longest overdue first, and plans the rest. */
  async run(claim: Claim): Promise<void> {
    const { store, now, log } = this.#deps;
    const startedAt = now();
    const [parts, pictures] = [await this.#clearParts(startedAt), await this.#clearPictures(startedAt)];
    const forgotten = this.#forget();
    if (parts + pictures + forgotten > 0) log({ event: 'tidy', parts, pictures, forgotten });
    store.transaction(() => {
      if (!store.due.holds(claim)) return;
      const next = this.#nextAt();
      if (next === null) store.due.drop(TIDY_KEY);
      else store.due.plan(TIDY_KEY, 'tidy', Math.max(next, now()));
    });
  }

  /** Plans the duty anew where the configuration has been shortened, or where its row was lost. */
  plan(): void {
    const next = this.#nextAt();
    if (next !== null) this.#deps.store.due.planSooner(TIDY_KEY, 'tidy', next);
  }

  async #clearParts(startedAt: number): Promise<number> {
    const { store, now, deleteParts } = this.#deps;
    const { links } = store;
    let cleared = 0;
    for (const { id, pictureKey } of links.closedBefore(startedAt - FINISH_GRACE_MS, BATCH)) {
      if (now() - startedAt > RUN_MS) break;
      const all = await within(DELETE_MS, () => deleteParts(id, pictureKey));
      if (!all) continue;
      store.transaction(() => links.partsGone(id));
      cleared++;
    }
    return cleared;
  }

  async #clearPictures(startedAt: number): Promise<number> {
    const { store, now, pictureMs, deletePicture } = this.#deps;
    const { links } = store;
    let cleared = 0;
    for (const id of links.uploadedBefore(startedAt - pictureMs, BATCH)) {
      if (now() - startedAt > RUN_MS) break;
      const all = await within(DELETE_MS, () => deletePicture(id));
      if (!all) continue;
      links.pictureGone(id);
      cleared++;
    }
    return cleared;
  }

  #forget(): number {
    const { store, now, retentionMs } = this.#deps;
    const { links } = store;
    return store.transaction(() => {
      const over = links.clearedBefore(now() - retentionMs, BATCH);
      for (const id of over) {
        links.drop(id);
        store.deliveries.dropAbout(id);
        store.due.dropAll(deliveryPrefix(id));
      }
      return over.length;
    });
  }

  /** When the next link needs something, or null when there is none. */
  #nextAt(): number | null {
    const { store, pictureMs, retentionMs } = this.#deps;
    const { expiresAt, uploadedAt, createdAt } = store.links.oldest();
    const times = [
      expiresAt === null ? null : expiresAt + FINISH_GRACE_MS,
      uploadedAt === null ? null : uploadedAt + pictureMs,
      createdAt === null ? null : createdAt + retentionMs,
    ].filter((at) => at !== null);
    return times.length === 0 ? null : Math.min(...times);
  }
}
