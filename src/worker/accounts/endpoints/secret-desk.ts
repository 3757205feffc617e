/** What the account's webhooks are signed with: read, made and replaced. Every call is safe to repeat. */

import { toBase64 } from '../../bytes.ts';
import { publicKeyBytes, publicKeyOf } from '../../webhooks/sign-v1a.ts';
import type { WebhookSecretOutcome } from '../contract.ts';
import type { AccountStore } from '../store.ts';
import type { RotateOutcome, RotateSecret, SealedSecret, WebhookKeysOutcome } from './contract.ts';
import type { EndpointRows } from './endpoint-rows.ts';
import { MAX_GRACE_MS, MAX_LIVE_SECRETS } from './limits.ts';
import { mintSecretId } from './mint.ts';
import { newSecret, openSecret, type Seal, sealSecret } from './sealing.ts';
import { ACCOUNT_OWNER, type SecretRows, type StoredSecret } from './secret-rows.ts';

export interface SecretDeskDeps {
  readonly store: AccountStore;
  readonly endpoints: EndpointRows;
  readonly secrets: SecretRows;
  readonly seal: () => Seal;
  /** Every listed shard must hear of the change made in this transaction. */
  readonly publish: () => void;
  /** Tells all shards that have still to hear; the names of those that could not be told. */
  readonly push: () => Promise<readonly string[]>;
  /** Lets a promise run on behind the answer. */
  readonly background: (work: Promise<unknown>) => void;
  readonly now: () => number;
}

/** The id of the first `v1` secret of an account. */
const FIRST_ID = 'account';

type Rotated = { readonly kind: 'made' } | { readonly kind: 'known'; readonly secret: StoredSecret };

export class SecretDesk {
  readonly #deps: SecretDeskDeps;

  constructor(deps: SecretDeskDeps) {
    this.#deps = deps;
  }

  /** The first secrets of an account that is about to be made: what to call in the transaction that makes it. */
  async prepare(): Promise<() => void> {
    const { secrets, now } = this.#deps;
    const [v1, v1a] = await Promise.all([this.#make('v1'), this.#make('v1a')]);
    return () => {
      const own = { owner: ACCOUNT_OWNER };
      secrets.insert({ ...own, id: FIRST_ID, scheme: 'v1', sealed: v1.sealed }, now());
      secrets.insert({ ...own, id: mintSecretId(), scheme: 'v1a', sealed: v1a.sealed }, now());
    };
  }

  /** Makes the `v1a` key of an account that was made when there were none. There must be an account. */
  async ensureKey(): Promise<void> {
    const { store, secrets, publish, push, background, now } = this.#deps;
    const isThere = () => secrets.live(ACCOUNT_OWNER, 'v1a', now()).length > 0;
    if (isThere()) return;
    const { sealed } = await this.#make('v1a');
    // Of two calls at once the first makes it.
    if (isThere()) return;
    store.transaction(() => {
      secrets.insert({ id: mintSecretId(), owner: ACCOUNT_OWNER, scheme: 'v1a', sealed }, now());
      publish();
    });
    background(push());
  }

  /** The present `v1` secret of the account. */
  async accountSecret(): Promise<WebhookSecretOutcome> {
    const { store, secrets, seal, now } = this.#deps;
    if (!store.account()) return { found: false, kind: 'unknown_account' };
    const [present] = secrets.live(ACCOUNT_OWNER, 'v1', now());
    const secret = present ? await openSecret(seal(), present) : null;
    return secret === null ? { found: false, kind: 'unreadable' } : { found: true, secret };
  }

  /**
   * The public halves of the account's `v1a` keys. An old one that cannot be read is left out: it signs no more, and must not
   * keep receivers from the one that was made in its place.
   */
  async keys(): Promise<WebhookKeysOutcome> {
    const { store, secrets, seal, now } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    await this.ensureKey();
    const live = secrets.live(ACCOUNT_OWNER, 'v1a', now());
    const opened = await Promise.all(live.map((secret) => openSecret(seal(), secret)));
    const keys = live.flatMap(({ id, expiresAt }, index) => {
      const secret = opened[index];
      if (!secret) return [];
      return { id, publicKey: toBase64(publicKeyBytes(publicKeyOf(secret))), expiresAt };
    });
    return opened[0] ? { kind: 'found', keys } : { kind: 'unreadable' };
  }

  /**
   * Makes a new secret the present one; the old one goes on signing for its grace, of no grace it is deleted now.
   * @throws {TypeError} for a `v1a` key of an endpoint, {RangeError} for a grace beyond its bounds.
   */
  async rotate(request: RotateSecret): Promise<RotateOutcome> {
    const { endpointId, scheme, graceMs } = request;
    if (endpointId !== null && scheme !== 'v1') throw new TypeError('v1a keys are the account’s');
    if (!Number.isSafeInteger(graceMs) || graceMs < 0 || graceMs > MAX_GRACE_MS) {
      throw new RangeError('not a grace');
    }
    const { store, seal, push } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    const { secret: fresh, sealed } = await this.#make(scheme);
    const rotated = store.transaction(() => this.#rotate(request, sealed));
    if (rotated.kind !== 'made' && rotated.kind !== 'known') return rotated;
    const secret = rotated.kind === 'made' ? fresh : await openSecret(seal(), rotated.secret);
    if (secret === null) return { kind: 'unreadable' };
    const shown = scheme === 'v1' ? secret : publicKeyOf(secret);
    return { kind: 'rotated', secret: shown, pending: await push() };
  }

  #rotate(request: RotateSecret, sealed: string): Rotated | Exclude<RotateOutcome, { kind: 'rotated' }> {
    const { endpoints, secrets, publish, now } = this.#deps;
    const { endpointId, scheme, graceMs, secretId: id } = request;
    if (endpointId !== null && !endpoints.endpoint(endpointId)) return { kind: 'not_found' };
    const owner = endpointId ?? ACCOUNT_OWNER;
    const known = secrets.secret(id);
    if (known && (known.owner !== owner || known.scheme !== scheme)) {
      throw new TypeError('the id of a secret is used once');
    }
    if (known) return { kind: 'known', secret: known };
    const at = now();
    const live = secrets.live(owner, scheme, at);
    if (live.length - (graceMs === 0 ? 1 : 0) >= MAX_LIVE_SECRETS) {
      const expiries = live.map(({ expiresAt }) => expiresAt).filter((expiry) => expiry !== null);
      return { kind: 'too_many', limit: MAX_LIVE_SECRETS, freeAt: Math.min(...expiries) };
    }
    secrets.expirePresent(owner, scheme, at + graceMs);
    secrets.insert({ id, owner, scheme, sealed }, at);
    publish();
    return { kind: 'made' };
  }

  async #make(scheme: SealedSecret['scheme']): Promise<{ secret: string; sealed: string }> {
    const secret = await newSecret(scheme);
    return { secret, sealed: await sealSecret(this.#deps.seal(), scheme, secret) };
  }
}
