/** The account's webhook endpoints, as its owner makes, changes and deletes them. Every call is safe to repeat. */

import type { AccountStore } from '../store.ts';
import { changed, concernsShards } from './change.ts';
import type {
  CreateEndpoint,
  CreateEndpointOutcome,
  DeleteEndpointOutcome,
  EndpointView,
  ListEndpointsOutcome,
  ReadEndpointOutcome,
  UpdateEndpoint,
  UpdateEndpointOutcome,
} from './contract.ts';
import type { EndpointRows, StoredEndpoint } from './endpoint-rows.ts';
import { MAX_ENDPOINTS } from './limits.ts';
import type { Notices } from './notices.ts';
import { newSecret, openSecret, type Seal, sealHeaders, sealSecret } from './sealing.ts';
import type { SecretRows } from './secret-rows.ts';
import { endpointView } from './view.ts';

export interface DeskDeps {
  readonly store: AccountStore;
  readonly endpoints: EndpointRows;
  readonly secrets: SecretRows;
  readonly notices: Notices;
  readonly seal: () => Seal;
  /** Makes the account's `v1a` key where there is none yet. */
  readonly ensureKey: () => Promise<void>;
  /** Every listed shard must hear of the change made in this transaction. */
  readonly publish: () => void;
  /** Tells all shards that have still to hear; the names of those that could not be told. */
  readonly push: () => Promise<readonly string[]>;
  readonly now: () => number;
}

export class EndpointDesk {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  /** Makes an endpoint with a secret of its own, which is shown this once. */
  async create(request: CreateEndpoint): Promise<CreateEndpointOutcome> {
    const { store, secrets, seal, ensureKey, push } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    await ensureKey();
    const fresh = await newSecret('v1');
    const sealed = await sealSecret(seal(), 'v1', fresh);
    const headers = await sealHeaders(seal(), request.headers);
    const made = store.transaction(() => this.#insert(request, sealed, headers));
    if (made === 'too_many') return { kind: 'too_many', limit: MAX_ENDPOINTS };
    const present = secrets.live(request.id, 'v1', this.#deps.now())[0];
    const secret = present && (present.sealed === sealed ? fresh : await openSecret(seal(), present));
    if (!secret) return { kind: 'unreadable' };
    return { kind: 'created', endpoint: this.#view(made), secret, pending: await push() };
  }

  async update({ id, fields }: UpdateEndpoint): Promise<UpdateEndpointOutcome> {
    const { store, endpoints, notices, seal, publish, push, now } = this.#deps;
    const account = store.account();
    if (!account) return { kind: 'unknown_account' };
    const noticeId = notices.mintId(account);
    const { headers, ...rest } = fields;
    const sealed = headers && {
      names: Object.keys(headers),
      sealed: await sealHeaders(seal(), headers),
    };
    const endpoint = store.transaction(() => {
      const before = endpoints.endpoint(id);
      if (!before) return null;
      const at = now();
      const after = changed(before, { ...rest, ...(sealed ? { headers: sealed } : {}) }, at);
      if (after !== before) endpoints.update(after);
      if (concernsShards(before, after)) publish();
      if (after.disabled && !before.disabled) {
        const { reason } = after.disabled;
        notices.writeDisabled(account, noticeId, { endpoint: after, reason, at, since: at });
      }
      return after;
    });
    if (!endpoint) return { kind: 'not_found' };
    return { kind: 'updated', endpoint: this.#view(endpoint), pending: await push() };
  }

  async delete(id: string): Promise<DeleteEndpointOutcome> {
    const { store, endpoints, secrets, publish, push, now } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    const known = store.transaction(() => {
      if (!endpoints.delete(id, now())) return endpoints.wasDeleted(id);
      secrets.dropOwner(id);
      publish();
      return true;
    });
    return known ? { kind: 'deleted', pending: await push() } : { kind: 'not_found' };
  }

  read(id: string): ReadEndpointOutcome {
    const { store, endpoints } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    const endpoint = endpoints.endpoint(id);
    return endpoint ? { kind: 'found', endpoint: this.#view(endpoint) } : { kind: 'not_found' };
  }

  list(): ListEndpointsOutcome {
    const { store, endpoints } = this.#deps;
    if (!store.account()) return { kind: 'unknown_account' };
    return { kind: 'list', endpoints: endpoints.all().map((endpoint) => this.#view(endpoint)) };
  }

  /** The endpoint, as it was made just now or by the same request before. In a transaction. */
  #insert(request: CreateEndpoint, sealed: string, headers: string | null): StoredEndpoint | 'too_many' {
    const { endpoints, secrets, publish, now } = this.#deps;
    const { id, url, description, events, rateLimit } = request;
    const existing = endpoints.endpoint(id);
    if (existing) return existing;
    if (endpoints.wasDeleted(id)) throw new TypeError('the id of an endpoint is used once');
    if (endpoints.count() >= MAX_ENDPOINTS) return 'too_many';
    const at = now();
    const endpoint: StoredEndpoint = {
      id,
      url,
      description,
      events,
      headerNames: Object.keys(request.headers),
      headers,
      rateLimit,
      epoch: 1,
      disabled: request.enabled ? null : { at, reason: 'manual' },
      createdAt: at,
      updatedAt: at,
    };
    endpoints.insert(endpoint);
    secrets.insert({ id, owner: id, scheme: 'v1', sealed }, at);
    publish();
    return endpoint;
  }

  #view(endpoint: StoredEndpoint): EndpointView {
    return endpointView(endpoint, this.#deps.secrets.live(endpoint.id, 'v1', this.#deps.now()));
  }
}
