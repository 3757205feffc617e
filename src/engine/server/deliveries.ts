import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

const dueSchema = z.object({
  request_id: z.string(),
  app: z.string(),
  url: z.string(),
  attempts: z.number(),
});

/** A webhook that is to be sent. `attempts` counts the tries that were made. */
export type DueDelivery = z.infer<typeof dueSchema>;

/** The webhooks that are owed. Rows are written by the end of their request and settled here. */
export class DeliveryStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Up to `limit` webhooks that are due and are not among `inFlight`, longest due first. */
  due(now: number, inFlight: ReadonlySet<string>, limit: number): DueDelivery[] {
    return this.#database
      .prepare(
        `SELECT request_id, app, url, attempts FROM deliveries JOIN requests ON id = request_id
         WHERE due_at <= ? ORDER BY due_at LIMIT ?`,
      )
      .all(now, limit + inFlight.size)
      .map((row) => dueSchema.parse(row))
      .filter((delivery) => !inFlight.has(delivery.request_id))
      .slice(0, limit);
  }

  /** When the earliest webhook after `now` is due; undefined when none is owed later. */
  nextDueAfter(now: number): number | undefined {
    const row = this.#database.prepare('SELECT min(due_at) AS at FROM deliveries WHERE due_at > ?').get(now);
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  /** Writes down a try. `dueAt` is when the next one follows; undefined: none, it was taken or is given up. */
  attempted(requestId: string, dueAt: number | undefined): void {
    this.#database
      .prepare('UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE request_id = ?')
      .run(dueAt ?? null, requestId);
  }
}
