/** What a conformance test does to the objects behind the API: look into a shard, age a job, take a part away. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { Env } from '../../src/worker/env.ts';
import { type Customer, tick } from '../support/customer.ts';

/** How an upstream turns a submit away, for longer than any of these tests takes: else its retry comes in between. */
export const BUSY = { status: 429, headers: { 'Retry-After': '60' } };

const bindings = env as unknown as Env;

/** Runs one statement in a shard of the customer's. */
export function sql(
  customer: Customer,
  statement: string,
  ...values: readonly SqlStorageValue[]
): Promise<Record<string, SqlStorageValue>[]> {
  return runInDurableObject(customer.shard(), (_, state) =>
    state.storage.sql.exec(statement, ...values).toArray(),
  );
}

/** The id of the customer's one job. */
export async function jobIdOf(customer: Customer): Promise<string> {
  const [row, ...more] = await sql(customer, 'SELECT id FROM jobs');
  if (!row || more.length > 0) throw new Error('the customer has not exactly one job');
  return String(row.id);
}

/** Resolves when the upstream has turned the customer's one job away, and it waits with us for its next try. */
export async function turnedAway(customer: Customer): Promise<string> {
  const waiting = `SELECT id FROM jobs WHERE state = 'queued' AND json_extract(progress, '$.attempts') > 0`;
  for (;;) {
    const [row] = await sql(customer, waiting);
    if (row) return String(row.id);
    await tick();
  }
}

/** Resolves when the customer's one job has this state inside. */
export async function inState(customer: Customer, state: string): Promise<string> {
  for (;;) {
    const [row] = await sql(customer, 'SELECT id FROM jobs WHERE state = ?', state);
    if (row) return String(row.id);
    await tick();
  }
}

/** Changes a member of a job's progress, as an answer of the upstream would. `value` is JSON. */
export async function setProgress(
  customer: Customer,
  jobId: string,
  member: string,
  value: string,
): Promise<void> {
  const set = `UPDATE jobs SET progress = json_set(progress, ?, json(?)) WHERE id = ?`;
  await sql(customer, set, `$.${member}`, value, jobId);
}

/** Ends the retention of a job, as the shard does before it deletes the job's files. */
export async function expire(customer: Customer, jobId: string): Promise<void> {
  await sql(customer, 'UPDATE jobs SET expired_at = 1 WHERE id = ?', jobId);
}

/** A namespace whose objects are the real ones, but for these methods: they fail as an object does that is away. */
export function failing(
  namespace: 'SHARDS' | 'ACCOUNTS' | 'DIRECTORIES',
  ...methods: readonly string[]
): DurableObjectNamespace {
  const real = bindings[namespace] as DurableObjectNamespace;
  const stubThat = (stub: DurableObjectStub) =>
    new Proxy(stub, {
      get(target, name) {
        if (methods.includes(String(name)))
          return () => Promise.reject(new Error('Network connection lost.'));
        const method: unknown = Reflect.get(target, name);
        return typeof method === 'function'
          ? (...args: unknown[]) => Reflect.apply(method, target, args)
          : method;
      },
    });
  return new Proxy(real, {
    get(target, name) {
      if (name === 'get')
        return (...args: Parameters<typeof target.get>) => stubThat(target.get(...args) as DurableObjectStub);
      const method: unknown = Reflect.get(target, name);
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });
}
