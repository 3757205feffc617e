/** The shard's rows of endpoints that do not answer as they should: see health.ts. Synchronous. */

import * as z from 'zod';
import type { Health } from '../health.ts';

/** Checked when it is read back, like any other input. */
const StoredHealth = z.object({
  epoch: z.number(),
  failingSince: z.number().nullable(),
  slowUntil: z.number(),
  slowStep: z.number(),
  mark: z
    .object({
      reason: z.enum(['gone', 'requested', 'failing']),
      since: z.number(),
      reported: z.boolean(),
    })
    .nullable(),
});

export class HealthRows {
  readonly #sql: SqlStorage;
  readonly #ready: () => boolean;
  /** All rows, by endpoint: each event asks for each endpoint, and nearly all of them are well. */
  #rows: Map<string, Health> | null = null;

  constructor(sql: SqlStorage, ready: () => boolean) {
    this.#sql = sql;
    this.#ready = ready;
  }

  /** What is known of an endpoint; null when it is well. */
  get(endpointId: string): Health | null {
    return this.#read().get(endpointId) ?? null;
  }

  /** Writes what is known of an endpoint, unless that is what is written already; null: it is well. */
  set(endpointId: string, health: Health | null): void {
    const text = health && JSON.stringify(health);
    const before = this.#read().get(endpointId);
    if (text === (before ? JSON.stringify(before) : null)) return;
    if (text === null) {
      this.#sql.exec('DELETE FROM endpoint_health WHERE endpoint = ?', endpointId);
      this.#read().delete(endpointId);
    } else {
      this.#sql.exec(
        `INSERT INTO endpoint_health (endpoint, health) VALUES (?, ?)
         ON CONFLICT (endpoint) DO UPDATE SET health = excluded.health`,
        endpointId,
        text,
      );
      // As it will be read back, so that the comparison above holds.
      this.#read().set(endpointId, StoredHealth.parse(JSON.parse(text)));
    }
  }

  /** The endpoints that are not well. */
  ids(): string[] {
    return [...this.#read().keys()];
  }

  /** What was rolled back on disk must not stay in memory. */
  forget(): void {
    this.#rows = null;
  }

  #read(): Map<string, Health> {
    if (this.#rows) return this.#rows;
    // Not kept: it is the schema's making that ends this.
    if (!this.#ready()) return new Map();
    const rows = this.#sql.exec<{ endpoint: string; health: string }>('SELECT * FROM endpoint_health');
    this.#rows = new Map(
      rows.toArray().map(({ endpoint, health }) => [endpoint, StoredHealth.parse(JSON.parse(health))]),
    );
    return this.#rows;
  }
}
