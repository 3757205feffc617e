import { describe, expect, it } from 'vitest';
import { inputMaxAge } from '../../src/worker/media/retention.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { soakOr } from '../support/soak.ts';
import { cron } from '../support/time.ts';
import { bucket, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';
import { config, expectKind, LIFE_MS, Links, RECEIVER } from './links-object-fixtures.ts';

/** `RESULT_RETENTION_DAYS` of wrangler.toml. */
const RETENTION_MS = 30 * DAY_MS;
const GRACE_MS = 15 * MINUTE_MS;

async function create() {
  const world = await World.create();
  // Events of this file's other tests, whose next try this test's time may bring.
  world.installed.receive(RECEIVER, async () => new Response('thanks'));
  return { world, links: await Links.of(world) };
}

/** A link with three pieces of two tries and the object of one that lost and died. */
async function withRemains(links: Links, spec: Parameters<Links['make']>[0] = {}) {
  const id = await links.make(spec);
  const attempt = '000000000000000a';
  await links.client.beginTus({ uploadId: id, attempt, length: 10 });
  for (const name of [`${attempt}/0-x`, `${attempt}/5-y`, '000000000000000b/0-z'])
    await links.piece(id, name);
  await links.picture(id, { stored: true });
  return { id, attempt };
}

const isDelete = (hop: Hop) => hop.to === 'bucket' && hop.method === 'delete';

/** Time passes by cron alone: the shard has neither alarm nor memory. */
async function byCron(world: World, ms: number): Promise<void> {
  await cronOnly(world, ms);
  await world.quiet();
}

async function cronOnly(world: World, ms: number): Promise<void> {
  await world.crash({ alarm: false });
  world.clock.advance(ms);
  await cron();
}

/** Time passes, and the alarm rings. */
const byAlarm = async (world: World, ms: number): Promise<void> => {
  await world.ring(ms);
  await world.quiet();
};

describe.each([
  ['by alarm', byAlarm, (world: World, ms: number) => world.ring(ms)],
  ['by cron alone', byCron, cronOnly],
])('tidying %s', (_, pass, begin) => {
  it('clears what lies of a link that was never used, and in the end forgets it', async () => {
    const { world, links } = await create();
    const { id, attempt } = await withRemains(links);
    await pass(world, LIFE_MS + GRACE_MS - SECOND_MS);
    expect(await links.files(id)).toHaveLength(4);
    expectKind(await links.client.tus({ uploadId: id, attempt }), 'found');
    await pass(world, SECOND_MS);
    expect(await links.files(id)).toEqual([]);
    expect(await links.client.tus({ uploadId: id, attempt })).toEqual({ kind: 'not_found' });
    expect((await links.read(id)).status).toBe('expired');

    await pass(world, RETENTION_MS - LIFE_MS - GRACE_MS - SECOND_MS);
    expect((await links.read(id)).status).toBe('expired');
    await pass(world, SECOND_MS);
    expect(await links.client.link({ uploadId: id, keyHash: links.keyHash })).toEqual({ kind: 'gone' });
    expect(await links.client.openLink(id)).toEqual({ kind: 'gone' });
    expect(await world.sql('SELECT id FROM links')).toEqual([]);
    expect(await world.sql('SELECT link FROM tus')).toEqual([]);
    expect((await world.due()).filter(({ kind }) => kind === 'tidy')).toEqual([]);
  });

  it('keeps the picture while it may be used, and leaves nothing after that', async () => {
    const { world, links } = await create();
    const { id } = await withRemains(links, { webhookUrl: `${RECEIVER}/hook` });
    const image = await links.picture(id, { stored: true });
    expectKind(await links.finish(id, image), 'won');
    await world.quiet();
    await pass(world, LIFE_MS + GRACE_MS);
    expect(await links.files(id)).toEqual([image.key]);
    await pass(world, inputMaxAge(config) - LIFE_MS - GRACE_MS - SECOND_MS);
    expect(await links.files(id)).toEqual([image.key]);
    await pass(world, SECOND_MS);
    expect(await links.files(id)).toEqual([]);
    expect(await links.read(id)).toMatchObject({ status: 'uploaded', image });
    await pass(world, RETENTION_MS - inputMaxAge(config));
    expect(await links.client.link({ uploadId: id, keyHash: links.keyHash })).toEqual({ kind: 'gone' });
    for (const table of ['links', 'tus', 'deliveries']) {
      expect(await world.sql(`SELECT * FROM ${table}`)).toEqual([]);
    }
    expect((await world.due()).map(({ kind }) => kind)).not.toContain('deliver');
  });

  it('of a long link deletes its picture before the link expires', async () => {
    const { world, links } = await create();
    const id = await links.make({ expiresAt: Date.now() + 7 * DAY_MS });
    const image = await links.picture(id, { stored: true });
    expectKind(await links.finish(id, image), 'won');
    await pass(world, inputMaxAge(config));
    expect(await links.files(id)).toEqual([]);
    const piece = await links.piece(id, '000000000000000a/0-x');
    await pass(world, DAY_MS);
    expect(await links.files(id)).toEqual([piece]);
    await pass(world, 5 * DAY_MS);
    expect(await links.files(id)).toEqual([]);
  });

  it.each([1, 2, 3, 4])('is taken up again when it dies at delete %i', async (n) => {
    const { world, links } = await create();
    const { id } = await withRemains(links);
    const used = await withRemains(links);
    const image = await links.picture(used.id, { stored: true });
    expectKind(await links.finish(used.id, image), 'won');
    const hops = installHops();
    let deletes = 0;
    const isOurs = (hop: Hop) => isDelete(hop) && hop.name.includes(world.customer.account);
    hops.fate = (hop) => (isOurs(hop) && ++deletes === n ? (n % 2 ? 'crash' : 'crash_after') : 'pass');
    // The object dies in the middle of it, and nobody may answer.
    await begin(world, LIFE_MS + GRACE_MS).catch(() => undefined);
    await expect.poll(() => deletes).toBeGreaterThanOrEqual(n);
    hops.fate = () => 'pass';
    for (let runs = 0; runs < 3; runs++) await pass(world, MINUTE_MS);
    expect([await links.files(id), await links.files(used.id)]).toEqual([[], [image.key]]);
    await pass(world, inputMaxAge(config));
    expect(await links.files(used.id)).toEqual([]);
    await pass(world, RETENTION_MS);
    expect(await world.sql('SELECT id FROM links')).toEqual([]);
  });
});

describe('tidying', () => {
  it('goes through more links than one run takes, and more files than one page has', async () => {
    const { world, links } = await create();
    const ids = await Promise.all(Array.from({ length: 45 }, () => links.make()));
    const [crowded = ''] = ids;
    const { account } = world.customer;
    // A page of the bucket is 1,000 files: only a soak run goes beyond it.
    for (let n = 0; n < soakOr(1_100, 30); n++) await bucket.put(`tmp/${account}/${crowded}/a/${n}-x`, '');
    for (const id of ids) await links.piece(id, 'b/0-x');
    await world.pass(LIFE_MS + GRACE_MS);
    await world.quiet();
    for (const id of ids) expect(await links.files(id)).toEqual([]);
    expect(await world.sql('SELECT COUNT(*) AS n FROM links WHERE parts_gone = 0')).toEqual([{ n: 0 }]);
    await world.pass(RETENTION_MS);
    await world.quiet();
    expect(await world.sql('SELECT id FROM links')).toEqual([]);
  });

  it('is repeated while R2 fails', async () => {
    const { world, links } = await create();
    const { id } = await withRemains(links);
    const hops = installHops();
    hops.fate = (hop) => (isDelete(hop) ? 'lost' : 'pass');
    await world.pass(LIFE_MS + GRACE_MS);
    expect(await links.files(id)).toHaveLength(4);
    hops.fate = () => 'pass';
    await world.pass(2 * MINUTE_MS);
    expect(await links.files(id)).toEqual([]);
  });

  it('comes although the shard has left the list of those with open work', async () => {
    const { world, links } = await create();
    const id = await links.make({ expiresAt: Date.now() + 7 * DAY_MS });
    await links.piece(id, 'a/0-x');
    await world.pass(DAY_MS + 2 * HOUR_MS);
    await world.pass(DAY_MS);
    const hops = installHops();
    await byCron(world, DAY_MS);
    const ticked = () =>
      hops.log.some(({ method, name }) => method === 'tick' && name.startsWith(world.customer.account));
    expect(ticked()).toBe(false);
    await byCron(world, 5 * DAY_MS);
    expect(ticked()).toBe(true);
    expect(await links.files(id)).toEqual([]);
  });

  it('is planned again where its row was lost', async () => {
    const { world, links } = await create();
    const { id } = await withRemains(links);
    await world.sql("DELETE FROM due WHERE kind = 'tidy'");
    await byCron(world, LIFE_MS + GRACE_MS);
    expect(await links.files(id)).toEqual([]);
  });

  it('leaves an Idempotency-Key, which is gone from then on', async () => {
    const { world, links } = await create();
    const idempotency = { key: 'order 8', fingerprint: 'one' };
    expectKind(await links.client.createLink(await links.command({}, { idempotency })), 'created');
    await world.pass(RETENTION_MS);
    await world.quiet();
    const again = await links.command({}, { idempotency });
    expect(await links.client.createLink(again)).toEqual({ kind: 'gone' });
    const other = await links.command({}, { idempotency: { ...idempotency, fingerprint: 'two' } });
    expect(await links.client.createLink(other)).toEqual({ kind: 'mismatch' });
  });
});
