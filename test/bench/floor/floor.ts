/**
 * The two floors that our own submit is measured against: the least that any Worker with Hono costs, and the least
 * that one with an object and a durable transaction costs. Nothing else is in here, so nothing can be left out.
 */

import { DurableObject } from 'cloudflare:workers';
import { Hono } from 'hono';

interface Env {
  readonly FLOORS: DurableObjectNamespace<Floor>;
}

/** Three rows in one transaction, as a submit must write at the very least: a job, a hold, what is due. */
export class Floor extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    for (const table of ['jobs', 'holds', 'due']) {
      ctx.storage.sql.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
      );
    }
  }

  /** Writes the rows. */
  write(id: string, value: string): { id: string } {
    const { sql } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      sql.exec('INSERT INTO jobs VALUES (?, ?)', id, value);
      sql.exec('INSERT INTO holds VALUES (?, ?)', id, '29');
      sql.exec('INSERT INTO due VALUES (?, ?)', id, 'submit');
    });
    return { id };
  }
}

const app = new Hono<{ Bindings: Env }>();
app.get('/bare', (c) => c.json({ status: 'in_progress' }));
app.post('/object', async (c) => {
  const body = await c.req.json<{ prompt: string }>();
  return c.json(await c.env.FLOORS.getByName('one').write(crypto.randomUUID(), body.prompt), 202);
});

export default app;
