/** Finding a link for whoever asks: its owner with a key, or whoever holds its address. Writes nothing. */

import { mintedAt } from '../../ids.ts';
import type { Refusal } from '../../jobs/contract.ts';
import type { Door, Unavailable } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';
import { viewOf } from '../../jobs/view.ts';
import type { LinkView } from '../contract.ts';
import type { StoredLink } from './store.ts';
import { linkViewOf } from './view.ts';

/** There is no such link: `gone` when it may have been one that is remembered no more. */
export type Absent = { readonly kind: 'not_found' } | { readonly kind: 'gone' };

/** A link, and whether the key that made it is valid no more. */
export interface FoundLink {
  readonly kind: 'found';
  readonly link: StoredLink;
  readonly keyRevoked: boolean;
}

export interface LookupDeps {
  readonly store: JobStore;
  readonly door: Door;
  /** How long after its making a link is remembered, in ms. */
  readonly retentionMs: number;
  readonly now: () => number;
}

export class Lookup {
  readonly #deps: LookupDeps;

  constructor(deps: LookupDeps) {
    this.#deps = deps;
  }

  /** For its owner, who may have made it with another key. */
  async owned(uploadId: string, keyHash: string): Promise<FoundLink | Absent | Refusal> {
    const { store, door } = this.#deps;
    if (!store.ready) return this.#absent(uploadId);
    return (await door.refuse(keyHash)) ?? this.find(uploadId);
  }

  /** For whoever holds its address: the link's own key must be valid still, or the link is revoked. */
  async held(uploadId: string): Promise<FoundLink | Absent | Unavailable> {
    const { store, door } = this.#deps;
    const before = store.links.link(uploadId);
    if (!before) return this.#absent(uploadId);
    const refusal = await door.refuse(before.keyHash);
    if (refusal?.kind === 'unavailable') return refusal;
    // Read again: it may have changed while the account was asked.
    const found = this.find(uploadId);
    return found.kind === 'found' ? { ...found, keyRevoked: refusal !== null } : found;
  }

  /** As it is now, asking nobody. */
  find(uploadId: string): FoundLink | Absent {
    const { store, door } = this.#deps;
    const link = store.links.link(uploadId);
    if (!link) return this.#absent(uploadId);
    return { kind: 'found', link, keyRevoked: door.knowsRevoked(link.keyHash) };
  }

  view({ link, keyRevoked }: Omit<FoundLink, 'kind'>): LinkView {
    const { store, now } = this.#deps;
    const job = link.jobId === null ? null : store.job(link.jobId);
    return linkViewOf(link, { job: job && job !== 'gone' ? viewOf(job) : null, keyRevoked, now: now() });
  }

  #absent(uploadId: string): Absent {
    const { now, retentionMs } = this.#deps;
    return { kind: now() >= mintedAt(uploadId) + retentionMs ? 'gone' : 'not_found' };
  }
}
