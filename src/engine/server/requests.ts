import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { RenderRequest } from '../contract.ts';
import { transaction } from './database.ts';
import { type Endpoint, inputSchema } from './endpoint.ts';
import { type Outcome, outcomeSchema } from './outcome.ts';

/** One line of a request's log, as fal words it. */
export const logEntrySchema = z.object({
  message: z.string(),
  timestamp: z.string(),
  level: z.enum(['STDERR', 'STDOUT', 'ERROR', 'INFO', 'WARN', 'DEBUG']),
  source: z.literal('USER'),
});
export type LogEntry = z.infer<typeof logEntrySchema>;

/** Text that holds JSON of the given schema. */
const json = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(schema);

const rowSchema = z.object({
  seq: z.number(),
  id: z.string(),
  app: z.string(),
  state: z.enum(['queued', 'running', 'ended']),
  attempt: z.number(),
  cancel_requested: z.number().transform(Boolean),
  created_at: z.number(),
  started_at: z.number().nullable(),
  ended_at: z.number().nullable(),
  outcome: json(outcomeSchema).nullable(),
  logs: json(z.array(logEntrySchema)),
});

/** A request as it is stored, without its input. Times are in milliseconds since the epoch. */
export type StoredRequest = z.infer<typeof rowSchema>;

const COLUMNS =
  'seq, id, app, state, attempt, cancel_requested, created_at, started_at, ended_at, outcome, logs';

/** A request that was cut off this many times by the death of the engine is what kills it, and is given up. */
export const MAX_INTERRUPTIONS = 10;

/** A request that is to be queued. */
export interface NewRequest {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly callbackUrl: string | undefined;
  readonly input: RenderRequest;
  /** When it must have started, else it is given up; undefined: it waits as long as it takes. */
  readonly startBy: number | undefined;
}

/** The durable queue. Each method is one transaction, on disk when it returns. */
export class RequestStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Queues a request. One with a callback URL that is known already is that earlier request. */
  submit(request: NewRequest, now: number): { request: StoredRequest; created: boolean } {
    return transaction(this.#database, () => {
      const known = this.#one('callback_url = ?', request.callbackUrl ?? null);
      if (known) return { request: known, created: false };
      this.#database
        .prepare(
          `INSERT INTO requests (id, endpoint, app, callback_url, state, created_at, start_by, input)
           VALUES (?, ?, ?, ?, 'queued', ?, ?, ?)`,
        )
        .run(
          request.id,
          request.endpoint.id,
          request.endpoint.app,
          request.callbackUrl ?? null,
          now,
          request.startBy ?? null,
          JSON.stringify(request.input),
        );
      const created = this.findById(request.id);
      if (!created) throw new Error('a request that was just written is not there');
      return { request: created, created: true };
    });
  }

  /** The request with this id under this app (`owner/app`). */
  find(app: string, id: string): StoredRequest | undefined {
    return this.#one('id = ? AND app = ?', id, app);
  }

  /** The request with this id. */
  findById(id: string): StoredRequest | undefined {
    return this.#one('id = ?', id);
  }

  /** How many requests wait before this one. 0: it is the next, or does not wait any more. */
  position(request: StoredRequest): number {
    if (request.state !== 'queued') return 0;
    return this.#count(`state = 'queued' AND seq < ?`, request.seq);
  }

  /** Takes the oldest waiting request to be run. Its attempt is a new one. */
  claimNext(now: number): StoredRequest | undefined {
    const row = this.#database
      .prepare(
        `UPDATE requests SET state = 'running', attempt = attempt + 1, started_at = ?
         WHERE seq = (SELECT min(seq) FROM requests WHERE state = 'queued') RETURNING ${COLUMNS}`,
      )
      .get(now);
    return row === undefined ? undefined : rowSchema.parse(row);
  }

  /** Waiting requests that should have started by now. */
  overdue(now: number): StoredRequest[] {
    return this.#many(`state = 'queued' AND start_by <= ?`, now);
  }

  /** When the first of the waiting requests must have started; undefined when they have time. */
  nextStartBy(): number | undefined {
    const row = this.#database
      .prepare(`SELECT min(start_by) AS at FROM requests WHERE state = 'queued' AND start_by IS NOT NULL`)
      .get();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  /** What a request asks for. @throws when it has ended. */
  input(id: string): RenderRequest {
    const row = this.#database.prepare('SELECT input FROM requests WHERE id = ?').get(id);
    return z.object({ input: json(inputSchema) }).parse(row).input;
  }

  /**
   * Ends a request and writes down the webhook that is due for it. False when it has ended already or when another
   * attempt has begun: the first end stands.
   */
  end(request: StoredRequest, outcome: Outcome, logs: readonly LogEntry[], now: number): boolean {
    return transaction(this.#database, () => {
      const { changes } = this.#database
        .prepare(
          `UPDATE requests SET state = 'ended', ended_at = ?, outcome = ?, logs = ?, input = NULL
           WHERE id = ? AND attempt = ? AND state != 'ended'`,
        )
        .run(now, JSON.stringify(outcome), JSON.stringify(logs), request.id, request.attempt);
      if (changes === 0) return false;
      this.#database
        .prepare(
          `INSERT INTO deliveries (request_id, url, due_at)
           SELECT id, callback_url, ? FROM requests WHERE id = ? AND callback_url IS NOT NULL`,
        )
        .run(now, request.id);
      return true;
    });
  }

  /** Remembers that a running request is to be stopped, whatever happens to this process. */
  requestCancel(id: string): void {
    this.#database.prepare('UPDATE requests SET cancel_requested = 1 WHERE id = ?').run(id);
  }

  /** Puts a running request back to its place in the queue: the engine closes before the render has ended. */
  giveBack(request: StoredRequest): void {
    this.#database
      .prepare(
        `UPDATE requests SET state = 'queued', started_at = NULL
         WHERE id = ? AND attempt = ? AND state = 'running'`,
      )
      .run(request.id, request.attempt);
  }

  /**
   * What the engine before this one left running: queued again, in its old place; ended when it was to be cancelled or
   * has been cut off too often. Returns how many are queued again.
   */
  recover(now: number): number {
    const left = this.#many(`state = 'running'`);
    let again = 0;
    for (const request of left) {
      const interruptions = this.#interrupt(request.id);
      if (request.cancel_requested) this.end(request, { kind: 'cancelled' }, [], now);
      else if (interruptions >= MAX_INTERRUPTIONS) this.end(request, { kind: 'crashed' }, [], now);
      else {
        this.giveBack(request);
        again += 1;
      }
    }
    return again;
  }

  /** Requests that ended before `before` and owe no webhook any more, oldest first. */
  expired(before: number, limit: number): StoredRequest[] {
    return this.#many(
      `state = 'ended' AND ended_at < ?
       AND NOT EXISTS (SELECT 1 FROM deliveries WHERE request_id = requests.id AND due_at IS NOT NULL)
       ORDER BY ended_at LIMIT ?`,
      before,
      limit,
    );
  }

  /** Forgets a request and its delivery. */
  remove(id: string): void {
    this.#database.prepare('DELETE FROM requests WHERE id = ?').run(id);
  }

  /** Every request with a file, and its attempt that made it. */
  withFiles(): { id: string; attempt: number }[] {
    return this.#database
      .prepare(`SELECT id, attempt FROM requests WHERE state = 'ended' AND outcome ->> 'kind' = 'done'`)
      .all()
      .map((row) => z.object({ id: z.string(), attempt: z.number() }).parse(row));
  }

  #interrupt(id: string): number {
    const row = this.#database
      .prepare('UPDATE requests SET interruptions = interruptions + 1 WHERE id = ? RETURNING interruptions')
      .get(id);
    return z.object({ interruptions: z.number() }).parse(row).interruptions;
  }

  #one(where: string, ...values: (string | number | null)[]): StoredRequest | undefined {
    return this.#many(where, ...values)[0];
  }

  #many(where: string, ...values: (string | number | null)[]): StoredRequest[] {
    return this.#database
      .prepare(`SELECT ${COLUMNS} FROM requests WHERE ${where}`)
      .all(...values)
      .map((row) => rowSchema.parse(row));
  }

  #count(where: string, ...values: number[]): number {
    const row = this.#database.prepare(`SELECT count(*) AS n FROM requests WHERE ${where}`).get(...values);
    return z.object({ n: z.number() }).parse(row).n;
  }
}
