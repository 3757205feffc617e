import { describe, expect, it } from 'vitest';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { post, tick } from '../support/customer.ts';
import { installHops } from '../support/hops.ts';
import { soakOr } from '../support/soak.ts';
import { cron } from '../support/time.ts';
import type { JobPlan } from '../support/upstream.ts';
import { HOUR_MS, MINUTE_MS, recordLog, SECOND_MS, World } from './jobs-fixtures.ts';

const RECEIVER = 'https://receiver.example.org';

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FIRST_SEED = Date.now() % 1_000_000;
const SEEDS = Array.from({ length: soakOr(200, 25) }, (_, i) => FIRST_SEED + i);

const PLANS: readonly JobPlan[] = [
  {},
  { status: ['running'] },
  { status: ['completed'], result: [{ status: 502 }, 'video'] },
  { status: ['completed'], result: ['prompt_echo'] },
  { status: ['running'], cancel: ['ignored'] },
  { status: ['lost', 'completed'], file: ['cut_off', 'mp4'] },
  { submit: [{ accept: 'lost' }] },
];
const CONTENTS = ['ok', 'ok_null', { error: 'content_policy_violation' }] as const;

describe('webhook, poll, cron, cancel and a look at once', () => {
  it.each(SEEDS)('end a job once (seed %i)', async (seed) => {
    const random = randomOf(seed);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    const log = recordLog();
    const world = await World.create();
    const events = await world.receiver(RECEIVER, () =>
      random() < 0.3 ? new Response('later', { status: 500 }) : new Response('thanks'),
    );
    const job = await world.start(pick(PLANS), { webhook_url: `${RECEIVER}/` });
    const hops = installHops();
    // Every call, every write of a file and every request takes its own time, so that all of them cross.
    hops.fate = async () => {
      for (let ticks = Math.floor(random() * 5); ticks > 0; ticks--) await tick();
      return 'pass' as const;
    };
    world.clock.advance(2 * MINUTE_MS);
    const key = { 'X-API-Key': world.customer.key };
    const deeds = [
      () => world.callBack(job.prompt, pick(CONTENTS), { times: 1 + Math.floor(random() * 2) }),
      () => world.callBack(job.prompt, pick(CONTENTS)),
      () => post(`/api/jobs/${job.id}/cancel`, {}, key),
      () => world.customer.status(job.id),
      () => cron(),
      () => cron(),
    ].sort(() => random() - 0.5);
    await Promise.all(
      deeds.slice(0, 3 + Math.floor(random() * 4)).map(async (deed) => {
        for (let ticks = Math.floor(random() * 8); ticks > 0; ticks--) await tick();
        await deed();
      }),
    );
    hops.fate = () => 'pass';
    await world.quiet();

    const status = await world.ended(job, 90, 5);
    await world.callBack(job.prompt, pick(CONTENTS));
    await world.pass(6 * HOUR_MS);
    expect({ ...(await world.customer.status(job.id)), result: null }).toEqual({ ...status, result: null });
    const charged = status.status === 'completed';
    expect(status.credits_charged).toBe(charged ? 29 : 0);
    expect(await world.credits()).toEqual(
      charged ? { available: 261, held: 0, captured: 29 } : { available: 290, held: 0, captured: 0 },
    );
    const ends = log.entries.filter(
      (entry) =>
        (entry as { event?: string }).event === 'job_ended' &&
        (entry as { job_id?: string }).job_id === job.id,
    );
    expect(ends).toHaveLength(1);
    expect(new Set(events.map(({ id, body }) => `${id} ${body.type}`))).toEqual(
      new Set([`${eventIdOf(job.id, 'z')} job.${status.status}`]),
    );
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    expect(await world.files(job.id)).toHaveLength(charged ? 1 : 0);
  });
});

describe('a customer who looks all the time', () => {
  /** Looks every two seconds while a request of this kind is under way, then lets it be answered. */
  async function look(plan: JobPlan, kind: 'status' | 'result') {
    const world = await World.create();
    const job = await world.start(plan);
    await world.ring(2 * MINUTE_MS);
    await world.upstream.saw(kind, job.prompt);
    for (let looks = 0; looks < 4; looks++) {
      world.clock.advance(2 * SECOND_MS);
      await world.customer.status(job.id);
      for (let ticks = 0; ticks < 5; ticks++) await tick();
    }
    expect(world.upstream.count(kind, job.prompt)).toBe(1);
    world.upstream.release();
    await world.quiet();
    return { world, job, status: (await world.customer.status(job.id)).status };
  }

  it('has upstream asked soon where the next poll is far off, and then every two seconds at most', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    expect(world.upstream.count('status', job.prompt)).toBe(0);
    const looked = async (ms: number) => {
      world.clock.advance(ms);
      await world.customer.status(job.id);
      await world.quiet();
      return world.upstream.count('status', job.prompt);
    };
    // The first look soon, since nothing is known yet; later ones two seconds apart.
    expect([await looked(499), await looked(1)]).toEqual([0, 1]);
    expect([await looked(0), await looked(1_999), await looked(1)]).toEqual([1, 1, 2]);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'in_progress', phase: 'rendering' });
  });

  it('does not have a slow status asked again and its answer thrown away', async () => {
    const { status } = await look({ status: ['hang'] }, 'status');
    expect(status).toBe('completed');
  });

  it('does not put a status in the place of a slow result', async () => {
    const { world, job, status } = await look({ status: ['completed'], result: ['hang'] }, 'result');
    expect([status, world.upstream.count('status', job.prompt)]).toEqual(['completed', 1]);
  });
});

/** Null, when what was to come at once has not. */
async function patience(): Promise<null> {
  for (let ticks = 0; ticks < 20; ticks++) await tick();
  return null;
}

describe('a wait that begins in the moment in which the job ends', () => {
  it.each(Array.from({ length: 24 }, (_, i) => i))('hears of it (%i turns apart)', async (turns) => {
    const world = await World.create();
    const job = await world.start({ submit: [{ status: 429 }] });
    const query = { jobId: job.id, keyHash: await world.keyHash() };
    const outcome = await world.inShard(async (shard) => {
      const waiting = shard.wait(query);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await shard.cancel(query);
      return Promise.race([waiting, patience()]);
    });
    expect(outcome).toMatchObject({ kind: 'found', job: { status: 'canceled' } });
  });
});
