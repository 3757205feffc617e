/** A stored endpoint as its owner may see it, and as the shards know it. Pure. */

import type { Replica } from '../contract.ts';
import type { EndpointView, ReplicaEndpoint, SealedSecret } from './contract.ts';
import type { StoredEndpoint } from './endpoint-rows.ts';
import { ringIdOf } from './sealing.ts';
import type { StoredSecret } from './secret-rows.ts';

/** An endpoint as its owner may see it. `live` are those of its secrets that sign now. */
export function endpointView(endpoint: StoredEndpoint, live: readonly SealedSecret[]): EndpointView {
  const { epoch: _epoch, headers: _headers, disabled, ...shown } = endpoint;
  return {
    ...shown,
    enabled: disabled === null,
    disabledAt: disabled?.at ?? null,
    disabledReason: disabled?.reason ?? null,
    expiringSecrets: live.map(({ expiresAt }) => expiresAt).filter((at) => at !== null),
  };
}

/** An endpoint as the shards know it. `live` are those of its secrets that sign now, the present one first. */
export function replicaEndpoint(endpoint: StoredEndpoint, live: readonly StoredSecret[]): ReplicaEndpoint {
  const { id, url, events, headers, rateLimit, epoch, disabled } = endpoint;
  return {
    id,
    url,
    events,
    headers,
    rateLimit,
    enabled: disabled === null,
    epoch,
    secrets: live.map(replicaSecret),
  };
}

/** A secret as the shards know it: whose it is they see from where it stands. */
export function replicaSecret({ owner: _owner, ...secret }: StoredSecret): SealedSecret {
  return secret;
}

/** The ids of all secrets of the ring that a replica's ciphertexts need, with commas between. */
export function ringsOf({ secrets, endpoints }: Pick<Replica, 'secrets' | 'endpoints'>): string {
  const ciphertexts = [
    ...[...secrets, ...endpoints.flatMap((endpoint) => endpoint.secrets)].map(({ sealed }) => sealed),
    ...endpoints.map(({ headers }) => headers).filter((headers) => headers !== null),
  ];
  return [...new Set(ciphertexts.map(ringIdOf))].sort().join(',');
}
