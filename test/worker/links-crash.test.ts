import { describe, expect, it } from 'vitest';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { tick } from '../support/customer.ts';
import { type Fate, type Hop, installHops } from '../support/hops.ts';
import { SOAK } from '../support/soak.ts';
import { cron } from '../support/time.ts';
import { DAY_MS, MINUTE_MS, World } from './jobs-fixtures.ts';
import { grantCredits, Links, type Made, RECEIVER } from './links-object-fixtures.ts';

/** Who takes up what was left: the shard's alarm, cron when the alarm is lost, or the caller who asks again. */
type Healer = 'alarm' | 'cron' | 'caller';
/** Minutes after which a link whose job has not started counts as stuck. */
const MAX_MINUTES = 20;

/** Tells the shard of the upload, as the edge does: until it is told what became of it, or once. */
async function tell(links: Links, made: Made, image: Awaited<ReturnType<Links['picture']>>, often: number) {
  for (let tries = 0; tries < often; tries++) {
    const outcome = await links.finish(made.id, image).catch(() => null);
    if (outcome && outcome.kind !== 'unavailable') return outcome;
  }
  return null;
}

/** A shard that dies after it wrote down that it submits, and before it did, may not submit again: nobody knows. */
async function mayBeUnsent(world: World): Promise<boolean> {
  return (await world.sql("SELECT id FROM jobs WHERE state = 'unknown'")).length > 0;
}

async function heal(world: World, healer: Healer): Promise<void> {
  if (healer === 'cron') {
    await world.crash({ alarm: false });
    world.clock.advance(MINUTE_MS);
    await cron();
  } else await world.ring(MINUTE_MS);
  for (let ticks = 0; ticks < 10; ticks++) await tick();
}

/** One upload with a job, whatever happens between the shard's hearing of it and the job's submit. */
async function run(healer: Healer, fate: (hop: Hop) => Fate, { quiet = false } = {}) {
  const world = await World.create({ credits: 58 });
  const links = await Links.of(world);
  const events = await world.receiver(RECEIVER);
  const made = await links.makeWithJob({
    webhookUrl: `${RECEIVER}/hook`,
    expiresAt: Date.now() + 7 * DAY_MS,
  });
  // So long without open work that the shard has left its directory's list.
  if (quiet) for (let days = 0; days < 3; days++) await world.pass(DAY_MS);
  const image = await links.picture(made.id);
  const hops = installHops();
  hops.fate = fate;
  const outcome = await tell(links, made, image, healer === 'caller' ? 10 : 1);
  hops.fate = () => 'pass';
  const seen = [...hops.log];

  // Nobody was told that the upload had won: perhaps it had not, and the sender tries again.
  if (!outcome && (await links.read(made.id)).status === 'pending') await tell(links, made, image, 1);
  const isSent = async () => world.upstream.count('submit', made.prompt) > 0 || (await mayBeUnsent(world));
  const isDone = async () => {
    const { start } = await links.read(made.id);
    return start === 'started' && (await isSent()) && events.length > 0;
  };
  for (let minute = 0; !(await isDone()); minute++) {
    if (minute > MAX_MINUTES) throw new Error(`stuck: ${JSON.stringify(await world.due())}`);
    await heal(world, healer);
  }
  return { world, links, made, image, events, seen };
}

async function expectOneJob({ world, links, made, image, events }: Awaited<ReturnType<typeof run>>) {
  const link = await links.read(made.id);
  expect(link).toMatchObject({ status: 'uploaded', image, start: 'started' });
  expect(await links.jobs()).toEqual({ ids: [link.jobId], held: 29 });
  expect(await world.credits()).toEqual({ available: 29, held: 29, captured: 0 });
  // fal takes what it is sent; a submit whose answer was lost is not sent again.
  expect(world.upstream.count('submit', made.prompt)).toBeOneOf((await mayBeUnsent(world)) ? [0, 1] : [1]);
  expect(new Set(events.map(({ id, body }) => `${id} ${body.type}`))).toEqual(
    new Set([`${eventIdOf(made.id, 'u')} upload.completed`]),
  );
  expect((await world.due()).map(({ kind }) => kind)).not.toContain('start');
  // Whoever asks again gets that job.
  expect(await links.finish(made.id, image)).toMatchObject({ kind: 'won', link: { jobId: link.jobId } });
  expect(await links.start(made.id)).toMatchObject({ kind: 'accepted', job: { jobId: link.jobId } });
  expect((await links.jobs()).ids).toHaveLength(1);
}

/** The nth hop before anything goes upstream meets its fate; all others pass. */
function onceAt(n: number, fate: Fate): (hop: Hop) => Fate {
  let seen = 0;
  return (hop) => (hop.to !== 'outside' && seen++ === n ? fate : 'pass');
}

const HEALERS: Healer[] = ['alarm', 'cron', 'caller'];
/** An upload is told, and the shard leases. One more than there are, for a plain run. */
const MAX_HOPS = 3;
const FATES = ['lost', 'answer_lost', 'crash', 'crash_after'] as const;

/** Without a soak a third of the cases for each healer, another third for the next: every case is healed by somebody. */
function some<T>(cases: readonly T[], healer: Healer): readonly T[] {
  return SOAK ? cases : cases.filter((_, at) => at % HEALERS.length === HEALERS.indexOf(healer));
}

describe.each(HEALERS)('an upload with a job, healed by the %s,', (healer) => {
  it('is one job when nothing happens', async () => {
    const plain = await run(healer, () => 'pass');
    expect(plain.seen.filter(({ to }) => to !== 'outside').map(({ method }) => method)).toEqual([
      'finishUpload',
      'lease',
    ]);
    expect(plain.world.upstream.count('submit', plain.made.prompt)).toBe(1);
    await expectOneJob(plain);
  });

  const cases = FATES.flatMap((fate, offset) =>
    Array.from({ length: MAX_HOPS }, (_, n) => ({ n: (n + offset) % MAX_HOPS, fate })),
  );
  it.each(some(cases, healer))('is one job when hop $n is met by: $fate', async ({ n, fate }) => {
    await expectOneJob(await run(healer, onceAt(n, fate)));
  });

  it.each(some(FATES, healer))('is one job when every lease of the first try is met by: %s', async (fate) => {
    await expectOneJob(await run(healer, (hop) => (hop.method === 'lease' ? fate : 'pass')));
  });
});

describe.each(HEALERS)('an upload to a shard that is not on the list, healed by the %s,', (healer) => {
  it('lists the shard before it plans work', async () => {
    const { seen } = await run(healer, () => 'pass', { quiet: true });
    expect(seen.filter(({ to }) => to !== 'outside').map(({ method }) => method)).toEqual([
      'finishUpload',
      'mark',
      'lease',
    ]);
  });

  it.each(some(FATES, healer))('is one job when its mark is met by: %s', async (fate) => {
    await expectOneJob(await run(healer, onceAt(1, fate), { quiet: true }));
  });
});

describe('a shard that dies', () => {
  it.each(['alarm', 'cron'] as const)(
    'between the upload and its start leaves both to the %s',
    async (healer) => {
      const world = await World.create({ credits: 58 });
      const links = await Links.of(world);
      const { id, prompt } = await links.makeWithJob();
      const image = await links.picture(id);
      const hops = installHops();
      let uploaded = '';
      hops.fate = async (hop) => {
        if (hop.method !== 'lease' || uploaded !== '') return 'pass';
        uploaded = 'asking';
        // What is durable at this moment: the picture and the start, and no job.
        uploaded = JSON.stringify([
          await world.sql('SELECT start, job_id FROM links'),
          (await world.due()).filter(({ kind }) => kind === 'start').map(({ key }) => key),
          await world.sql('SELECT id FROM jobs'),
        ]);
        return 'crash';
      };
      // The edge's own second call is lost, too: nobody asks again.
      let calls = 0;
      const fate = hops.fate;
      hops.fate = (hop, index) => (hop.method === 'finishUpload' && calls++ > 0 ? 'lost' : fate(hop, index));
      await expect(links.finish(id, image)).rejects.toThrow();
      expect(JSON.parse(uploaded)).toEqual([[{ start: 'starting', job_id: null }], [id], []]);
      expect(await links.jobs()).toEqual({ ids: [], held: 0 });
      await heal(world, healer);
      await world.upstream.saw('submit', prompt);
      const { jobId, start } = await links.read(id);
      expect(start).toBe('started');
      expect(await links.jobs()).toEqual({ ids: [jobId], held: 29 });
      expect(world.upstream.count('submit', prompt)).toBe(1);
    },
  );

  it('while it starts a job by order of the owner can be asked again', async () => {
    const world = await World.create({ credits: 0 });
    const links = await Links.of(world);
    const { id } = await links.makeWithJob();
    await links.finish(id);
    await grantCredits(world, 29);
    const hops = installHops();
    let leases = 0;
    hops.fate = (hop) => (hop.method === 'lease' && ++leases === 1 ? 'crash_after' : 'pass');
    const first = await links.start(id);
    expect(first).toMatchObject({ kind: 'accepted' });
    expect(await links.start(id)).toMatchObject({ kind: 'accepted', replayed: true });
    expect(await links.jobs()).toEqual({ ids: [(await links.read(id)).jobId], held: 29 });
  });
});
