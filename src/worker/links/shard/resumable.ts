/** Resumable uploads on their way to a link: which bytes of each are safe in R2. */

import type { Unavailable } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';
import type {
  AdvanceTus,
  AdvanceTusOutcome,
  BeginTus,
  BeginTusOutcome,
  TusAttempt,
  TusOutcome,
  TusPart,
  TusQuery,
} from '../contract.ts';
import type { Absent, FoundLink, Lookup } from './lookup.ts';

/** Unfinished uploads of one link: a holder who begins anew each time must not fill the database. */
export const MAX_UNFINISHED = 20;

/** An attempt, and its link, as they are now. */
type Known = FoundLink & { readonly tus: TusAttempt };

/**
 * Whoever asks is let in first, which may mean to wait for the account; only then, in one turn, are rows read and
 * written.
 */
export class Resumable {
  readonly #store: JobStore;
  readonly #lookup: Lookup;

  constructor(store: JobStore, lookup: Lookup) {
    this.#store = store;
    this.#lookup = lookup;
  }

  /**
   * Begins an upload. Idempotent by its attempt. Where there are too many, the one that has the least to lose is
   * forgotten: nobody, by beginning, keeps another from beginning.
   */
  async begin({ uploadId, attempt, length, metadata }: BeginTus): Promise<BeginTusOutcome> {
    const held = await this.#lookup.held(uploadId);
    if (held.kind !== 'found') return held;
    return this.#store.transaction((): BeginTusOutcome => {
      const found = this.#again(uploadId, held);
      if (found.kind !== 'found') return found;
      const { links } = this.#store;
      const earlier = links.tus(uploadId, attempt);
      if (earlier) return { kind: 'begun', tus: earlier };
      const link = this.#lookup.view(found);
      if (link.status !== 'pending') return { kind: 'closed', link };
      const unfinished = links.unfinished(uploadId);
      const forgotten = unfinished.length < MAX_UNFINISHED ? undefined : unfinished[0];
      if (forgotten !== undefined) links.dropTus(uploadId, forgotten);
      const tus: TusAttempt = {
        attempt,
        length,
        offset: 0,
        parts: [],
        ...(metadata === undefined ? {} : { metadata }),
        done: false,
      };
      links.writeTus(uploadId, tus);
      return { kind: 'begun', tus, ...(forgotten === undefined ? {} : { forgotten }) };
    });
  }

  /** Where an upload is. */
  async read(query: TusQuery): Promise<TusOutcome> {
    return this.#with(query, (known) => this.#outcome(known));
  }

  /** Notes parts that are safe, if the upload is still where the caller believes it to be. */
  async advance(command: AdvanceTus): Promise<AdvanceTusOutcome> {
    return this.#with(command, ({ tus, link }): AdvanceTusOutcome => {
      // Another upload was faster, or the link was withdrawn: what still comes would lie there until the sweep.
      if (!tus.done && (link.uploadedAt !== null || link.revokedAt !== null)) return { kind: 'not_found' };
      const next = advanced(tus, command);
      if (!next) return { kind: 'conflict', tus };
      if (next !== tus) this.#store.links.writeTus(command.uploadId, next);
      return { kind: 'advanced', tus: next };
    });
  }

  /** Forgets an unfinished upload, and says what it was. */
  async drop(query: TusQuery): Promise<TusOutcome> {
    return this.#with(query, (known) => {
      if (!known.tus.done) this.#store.links.dropTus(query.uploadId, query.attempt);
      return this.#outcome(known);
    });
  }

  /** Does `work` with an attempt, in the turn in which it was read. */
  async #with<T>(
    { uploadId, attempt }: TusQuery,
    work: (known: Known) => T,
  ): Promise<T | Absent | Unavailable> {
    const held = await this.#lookup.held(uploadId);
    if (held.kind !== 'found') return held;
    return this.#store.transaction(() => {
      const found = this.#again(uploadId, held);
      if (found.kind !== 'found') return found;
      const tus = this.#store.links.tus(uploadId, attempt);
      return tus ? work({ ...found, tus }) : { kind: 'not_found' };
    });
  }

  /** The link as it is now; a key that was found to be revoked is. */
  #again(uploadId: string, { keyRevoked }: FoundLink): FoundLink | Absent {
    const found = this.#lookup.find(uploadId);
    return found.kind === 'found' ? { ...found, keyRevoked: keyRevoked || found.keyRevoked } : found;
  }

  #outcome(known: Known): TusOutcome {
    return { kind: 'found', tus: known.tus, link: this.#lookup.view(known) };
  }
}

/** The upload with the parts, the upload itself when it has them already, or null when they do not follow. Pure. */
export function advanced(
  tus: TusAttempt,
  { from, parts, replaces = 0 }: Pick<AdvanceTus, 'from' | 'parts' | 'replaces'>,
): TusAttempt | null {
  const keys = new Set(tus.parts.map(({ key }) => key));
  // Told again, since the answer was lost. Every part has a key of its own.
  if (parts.length > 0 && parts.every(({ key }) => keys.has(key))) return tus;
  const kept = tus.parts.slice(0, Math.max(0, tus.parts.length - replaces));
  const offset = bytesOf(kept) + bytesOf(parts);
  const follows = !tus.done && from === tus.offset && replaces <= tus.parts.length;
  if (!follows || offset < from || offset > tus.length) return null;
  return parts.length === 0 ? tus : { ...tus, offset, parts: [...kept, ...parts] };
}

function bytesOf(parts: readonly TusPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}
