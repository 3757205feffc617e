/** What the owner of upload links asks of the shard that has them, and the one look of whoever holds a link's address. */

import { mintedAt } from '../../ids.ts';
import type { Door } from '../../jobs/door.ts';
import { TIDY_KEY } from '../../jobs/due.ts';
import type { JobStore } from '../../jobs/store.ts';
import type {
  CreateLink,
  CreateLinkOutcome,
  LinkOutcome,
  LinkQuery,
  ListLinks,
  ListLinksOutcome,
  OpenLinkOutcome,
  RevokeLinkOutcome,
} from '../contract.ts';
import { FINISH_GRACE_MS } from '../state.ts';
import type { Lookup } from './lookup.ts';

export interface DeskDeps {
  readonly store: JobStore;
  readonly lookup: Lookup;
  readonly door: Door;
  readonly now: () => number;
}

export class LinkDesk {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  /** Makes a link. Idempotent by id and by Idempotency-Key. */
  async create(command: CreateLink): Promise<CreateLinkOutcome> {
    const { job, role } = command.spec;
    if (job && role === 'end' && !job.other) throw new TypeError('a job needs a start image');
    return this.#deps.door.enter(command.keyHash, () =>
      this.#deps.store.transaction(() => this.#earlier(command) ?? this.#make(command)),
    );
  }

  /** One link of the account, whichever of its keys made it. */
  async read({ uploadId, keyHash }: LinkQuery): Promise<LinkOutcome> {
    const found = await this.#deps.lookup.owned(uploadId, keyHash);
    return found.kind === 'found' ? { kind: 'found', link: this.#deps.lookup.view(found) } : found;
  }

  /** The account's links, newest first. */
  async list({ keyHash, before, limit }: ListLinks): Promise<ListLinksOutcome> {
    const { store, door, lookup } = this.#deps;
    if (!store.ready) return { kind: 'page', links: [], more: false };
    const refusal = await door.refuse(keyHash);
    if (refusal) return refusal;
    const rows = store.links.page(before, limit + 1);
    const links = rows
      .slice(0, limit)
      .map((link) => lookup.view({ link, keyRevoked: door.knowsRevoked(link.keyHash) }));
    return { kind: 'page', links, more: rows.length > limit };
  }

  /** Closes a link that has no picture yet. Also an expired one: an upload that was begun in time may still be on its way. */
  async revoke({ uploadId, keyHash }: LinkQuery): Promise<RevokeLinkOutcome> {
    const { store, lookup, now } = this.#deps;
    const owned = await lookup.owned(uploadId, keyHash);
    if (owned.kind !== 'found') return owned;
    return store.transaction((): RevokeLinkOutcome => {
      // Read again: what is written is the whole row, and its picture may have come since.
      const found = lookup.find(uploadId);
      if (found.kind !== 'found') return found;
      const { link } = found;
      if (link.uploadedAt !== null) return { kind: 'used', link: lookup.view(found) };
      const revoked = { ...link, revokedAt: link.revokedAt ?? now() };
      if (link.revokedAt === null) store.links.update(revoked);
      return { kind: 'revoked', link: lookup.view({ ...found, link: revoked }) };
    });
  }

  /** The link as whoever holds its address may see it. */
  async open(uploadId: string): Promise<OpenLinkOutcome> {
    const found = await this.#deps.lookup.held(uploadId);
    return found.kind === 'found' ? { kind: 'found', link: this.#deps.lookup.view(found) } : found;
  }

  /** What was made before by this call or under its key. */
  #earlier({ uploadId, idempotency }: CreateLink): CreateLinkOutcome | null {
    const { store, lookup } = this.#deps;
    const known = idempotency && store.idempotent(idempotency.key);
    if (known && known.fingerprint !== idempotency.fingerprint) return { kind: 'mismatch' };
    const found = lookup.find(known?.madeId ?? uploadId);
    if (found.kind === 'found') {
      // The very link of this call, when its answer was lost, is no replay.
      return { kind: 'created', link: lookup.view(found), replayed: found.link.id !== uploadId };
    }
    return known || found.kind === 'gone' ? { kind: 'gone' } : null;
  }

  #make({ uploadId, keyHash, spec, idempotency }: CreateLink): CreateLinkOutcome {
    const { store, lookup } = this.#deps;
    // The time in the id, so that order, age and retention are told from one clock.
    const createdAt = mintedAt(uploadId);
    store.links.insert({ id: uploadId, createdAt, keyHash, spec, start: spec.job ? 'waiting' : 'none' });
    if (idempotency) store.insertIdempotent(idempotency.key, idempotency.fingerprint, uploadId);
    store.due.planSooner(TIDY_KEY, 'tidy', spec.expiresAt + FINISH_GRACE_MS);
    const made = lookup.find(uploadId);
    if (made.kind !== 'found') throw new Error('a link that was just made is not there');
    return { kind: 'created', link: lookup.view(made), replayed: false };
  }
}
