/** Which secrets of the ring an account needs, and moving its ciphertexts to the one that encrypts now. */

import { currentEntry } from '../../secrets.ts';
import type { RenewOutcome, RingUsage } from '../contract.ts';
import type { ShardRows } from '../shard-rows.ts';
import type { AccountStore } from '../store.ts';
import type { EndpointRows } from './endpoint-rows.ts';
import { openSecret, resealHeaders, ringIdOf, type Seal, sealSecret } from './sealing.ts';
import type { SecretRows } from './secret-rows.ts';

export interface RenewalDeps {
  readonly store: AccountStore;
  readonly endpoints: EndpointRows;
  readonly secrets: SecretRows;
  readonly shards: ShardRows;
  readonly seal: () => Seal;
  /** Every listed shard must hear of the change made in this transaction. */
  readonly publish: () => void;
  /** Tells all shards that have still to hear; the names of those that could not be told. */
  readonly push: () => Promise<readonly string[]>;
}

/** A ciphertext and what takes its place: null when it cannot be read. `write` says whether it still was there. */
interface Renewed {
  readonly sealed: string | null;
  readonly write: (sealed: string) => boolean;
}

export class Renewal {
  readonly #deps: RenewalDeps;

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
  }

  /** What of this account still needs which secret of the ring; null when there is no account. */
  usage(): RingUsage | null {
    const { store, endpoints, secrets, shards } = this.#deps;
    if (!store.account()) return null;
    const used = [
      ...secrets.all().map(({ sealed }) => ringIdOf(sealed)),
      ...endpoints.all().flatMap(({ headers }) => (headers === null ? [] : ringIdOf(headers))),
      ...shards.rings().flatMap((rings) => rings.split(',')),
    ];
    const ciphertexts: Record<string, number> = {};
    for (const id of used) ciphertexts[id] = (ciphertexts[id] ?? 0) + 1;
    return { keys: store.liveKeysByRing(), ciphertexts };
  }

  /** Encrypts everything under the ring's current secret, here and in all shards, as far as it can be read. */
  async renew(): Promise<RenewOutcome> {
    const { store, publish, push } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    const renewed = await this.#sealAnew();
    store.transaction(() => {
      // One that another call has replaced while we were encrypting stays as that call made it.
      const written = renewed.filter(({ sealed, write }) => sealed !== null && write(sealed));
      if (written.length > 0) publish();
    });
    const pending = await push();
    return renewed.some(({ sealed }) => sealed === null)
      ? { kind: 'unreadable' }
      : { kind: 'renewed', pending };
  }

  /** Everything that is not under the current secret, under it. */
  async #sealAnew(): Promise<Renewed[]> {
    const { endpoints, secrets, seal: sealOf } = this.#deps;
    const seal = sealOf();
    const current = currentEntry(seal.ring).id;
    const isOld = (sealed: string) => ringIdOf(sealed) !== current;
    const stale = secrets.all().filter(({ sealed }) => isOld(sealed));
    const staleHeaders = endpoints
      .all()
      .flatMap(({ id, headers }) => (headers !== null && isOld(headers) ? [{ id, headers }] : []));
    return Promise.all([
      ...stale.map(async (secret) => {
        const text = await openSecret(seal, secret);
        const sealed = text === null ? null : await sealSecret(seal, secret.scheme, text);
        return { sealed, write: (after: string) => secrets.reseal(secret.id, secret.sealed, after) };
      }),
      ...staleHeaders.map(async ({ id, headers }) => ({
        sealed: await resealHeaders(seal, headers),
        write: (after: string) => endpoints.reseal(id, headers, after),
      })),
    ]);
  }
}
