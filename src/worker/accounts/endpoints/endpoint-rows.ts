/** The rows of webhook endpoints. SQL only; their secrets are in secret-rows.ts. */

import type { EventType } from '../../webhooks/types.ts';
import type { DisabledReason } from './contract.ts';

/** An endpoint as it is stored. Times in ms since 1970. */
export interface StoredEndpoint {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly EventType[] | null;
  readonly headerNames: readonly string[];
  /** Ciphertext of the custom headers' JSON, or null when there are none. */
  readonly headers: string | null;
  readonly rateLimit: number | null;
  readonly epoch: number;
  /** Null while it is enabled. */
  readonly disabled: { readonly at: number; readonly reason: DisabledReason } | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

interface EndpointRow extends Record<string, SqlStorageValue> {
  id: string;
  url: string;
  description: string;
  events: string | null;
  header_names: string;
  headers: string | null;
  rate_limit: number | null;
  epoch: number;
  disabled_at: number | null;
  disabled_reason: string | null;
  created_at: number;
  updated_at: number;
}

export class EndpointRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** In the order in which they were made. */
  all(): StoredEndpoint[] {
    return this.#sql.exec<EndpointRow>('SELECT * FROM endpoints ORDER BY seq').toArray().map(endpointOf);
  }

  endpoint(id: string): StoredEndpoint | null {
    const [row] = this.#sql.exec<EndpointRow>('SELECT * FROM endpoints WHERE id = ?', id).toArray();
    return row ? endpointOf(row) : null;
  }

  count(): number {
    return this.#sql.exec<{ n: number }>('SELECT count(*) AS n FROM endpoints').one().n;
  }

  /** @throws when the id is taken. */
  insert(endpoint: StoredEndpoint): void {
    this.#sql.exec(
      `INSERT INTO endpoints (url, description, events, header_names, headers, rate_limit, epoch, disabled_at,
         disabled_reason, updated_at, id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...changing(endpoint),
      endpoint.id,
      endpoint.createdAt,
    );
  }

  /** Writes what changes of an endpoint. */
  update(endpoint: StoredEndpoint): void {
    this.#sql.exec(
      `UPDATE endpoints SET url = ?, description = ?, events = ?, header_names = ?, headers = ?, rate_limit = ?,
         epoch = ?, disabled_at = ?, disabled_reason = ?, updated_at = ? WHERE id = ?`,
      ...changing(endpoint),
      endpoint.id,
    );
  }

  /** Replaces the headers' ciphertext, unless it has been replaced since it was read. Returns whether it was. */
  reseal(id: string, before: string, after: string): boolean {
    const written = this.#sql.exec(
      'UPDATE endpoints SET headers = ? WHERE id = ? AND headers = ? RETURNING id',
      after,
      id,
      before,
    );
    return written.toArray().length > 0;
  }

  /** Deletes an endpoint, and remembers that it was there. Returns whether it was. */
  delete(id: string, now: number): boolean {
    const [row] = this.#sql.exec('DELETE FROM endpoints WHERE id = ? RETURNING id', id).toArray();
    if (!row) return false;
    this.#sql.exec('INSERT INTO deleted_endpoints (id, deleted_at) VALUES (?, ?)', id, now);
    return true;
  }

  /** Whether an endpoint was deleted not long ago. */
  wasDeleted(id: string): boolean {
    return this.#sql.exec('SELECT 1 FROM deleted_endpoints WHERE id = ?', id).toArray().length > 0;
  }

  /** Forgets the endpoints that were deleted at `at` (ms) or before. */
  forgetDeleted(at: number): void {
    this.#sql.exec('DELETE FROM deleted_endpoints WHERE deleted_at <= ?', at);
  }
}

function changing(endpoint: StoredEndpoint): SqlStorageValue[] {
  return [
    endpoint.url,
    endpoint.description,
    endpoint.events && JSON.stringify(endpoint.events),
    JSON.stringify(endpoint.headerNames),
    endpoint.headers,
    endpoint.rateLimit,
    endpoint.epoch,
    endpoint.disabled?.at ?? null,
    endpoint.disabled?.reason ?? null,
    endpoint.updatedAt,
  ];
}

function endpointOf(row: EndpointRow): StoredEndpoint {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    events: row.events === null ? null : JSON.parse(row.events),
    headerNames: JSON.parse(row.header_names),
    headers: row.headers,
    rateLimit: row.rate_limit,
    epoch: row.epoch,
    disabled:
      row.disabled_at === null
        ? null
        : { at: row.disabled_at, reason: row.disabled_reason as DisabledReason },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
