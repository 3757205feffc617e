import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { verifyWebhook } from '../../src/client/verify-webhook.ts';
import type { Replica } from '../../src/worker/accounts/contract.ts';
import type { Notice } from '../../src/worker/accounts/endpoints/contract.ts';
import { Directory } from '../../src/worker/directory/directory.ts';
import { mintId } from '../../src/worker/ids.ts';
import { readReplica } from '../../src/worker/jobs/replica-record.ts';
import type { JobShard } from '../../src/worker/jobs/shard.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { Endpoints, ok, status } from './deliveries-fixtures.ts';
import { DAY_MS, MINUTE_MS, World } from './jobs-fixtures.ts';
import { config } from './links-object-fixtures.ts';

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

/** A notice as the account writes it. */
async function notice(world: World, at = Date.now()): Promise<Notice> {
  const shard = { account: world.customer.account, region: 'weur', n: 0 } as const;
  const id = mintId(config.SIGNING_SECRETS, 'evt', shard, at);
  return { id, type: 'credits.low', at, data: { available: 4, threshold: 5 } };
}

/** The replica of the shard with these notices, `newer` versions later. */
async function replicaWith(world: World, notices: readonly Notice[], newer = 1): Promise<Replica> {
  const stored = await world.inShard((_, { storage }) => readReplica(storage.kv.get('replica')));
  return { ...stored, version: stored.version + newer, notices };
}

const apply = (world: World, replica: Replica, region = 'weur') =>
  world.inShard((shard: JobShard) => shard.applyReplica(replica), region);

const ids = async (world: World) =>
  (await world.sql<{ id: string }>('SELECT id FROM notices')).map(({ id }) => id);

describe('an event about the account', () => {
  it('comes with the replica, and goes once to each endpoint that subscribes', async () => {
    const { world, endpoints } = await create();
    const [all, jobs] = [await endpoints.make(ok), await endpoints.make(ok, { events: ['job.created'] })];
    const low = await notice(world);
    for (let version = 0; version < 3; version++) {
      await apply(world, await replicaWith(world, [low]));
      await world.quiet();
    }
    await world.crash();
    await world.ring(MINUTE_MS);
    await world.quiet();
    expect(all.hits.map(({ id, body }) => [id, body])).toEqual([
      [
        eventIdOf(low.id, 'n'),
        { type: 'credits.low', timestamp: new Date(low.at).toISOString(), data: low.data },
      ],
    ]);
    expect(jobs.hits).toEqual([]);
    expect(await ids(world)).toEqual([low.id]);
  });

  it('is tried again until it is taken', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make((hit, nth) => (nth < 3 ? status(500) : ok)(hit, nth));
    const low = await notice(world);
    await apply(world, await replicaWith(world, [low]));
    await endpoints.run(DAY_MS);
    expect(endpoint.hits.map(({ id }) => id)).toEqual(Array(3).fill(eventIdOf(low.id, 'n')));
    expect(await endpoints.delivery(low.id, 'n', endpoint)).toMatchObject({ status: 'delivered' });
  });

  it('is not work before the shard is on its directory’s list; the account is told that it has not arrived', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    const low = await notice(world);
    const replica = await replicaWith(world, [low]);
    const spy = vi.spyOn(Directory.prototype, 'mark').mockRejectedValue(new Error('away'));
    onTestFinished(() => spy.mockRestore());
    const applied = apply(world, replica);
    await expect(applied).rejects.toThrow('notices wait');
    expect([await ids(world), await endpoints.deliveries()]).toEqual([[], []]);
    spy.mockRestore();
    expect(await apply(world, replica)).toEqual({ version: replica.version });
    await world.quiet();
    expect(endpoint.hits).toHaveLength(1);
  });

  it('keeps no revocation waiting, and is not lost by one, while the directory is away', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    // One came with a key, another comes with the revocation.
    const [learnt, pushed] = [await notice(world), await notice(world)];
    const replica = await replicaWith(world, [learnt]);
    await world.inShard((_, { storage }) => storage.kv.put('replica', replica));
    await world.crash();
    const spy = vi.spyOn(Directory.prototype, 'mark').mockRejectedValue(new Error('away'));
    onTestFinished(() => spy.mockRestore());
    const keys = replica.keys.map((key) => ({ ...key, revoked: true }));
    const revoking = { ...replica, version: replica.version + 1, keys, notices: [pushed] };
    await expect(apply(world, revoking)).rejects.toThrow('notices wait');
    expect(await world.stub().authorize(await world.keyHash())).toEqual({ kind: 'unauthorized' });
    spy.mockRestore();
    expect(await apply(world, revoking)).toEqual({ version: revoking.version });
    await world.quiet();
    const heard = [learnt, pushed].map(({ id }) => eventIdOf(id, 'n'));
    expect(endpoint.hits.map(({ id }) => id).toSorted()).toEqual(heard.toSorted());
  });

  it('that came with a key, before the shard was listed, is taken up when the account sends it', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    const low = await notice(world);
    const replica = await replicaWith(world, [low]);
    // As a question for a key brings it.
    await world.inShard((_, { storage }) => storage.kv.put('replica', replica));
    await world.crash();
    await world.ring(MINUTE_MS);
    expect(await ids(world)).toEqual([]);
    // The same version again, or a newer one that has it no more: either must not lose it.
    await apply(world, await replicaWith(world, []));
    await world.quiet();
    expect(endpoint.hits.map(({ id }) => id)).toEqual([eventIdOf(low.id, 'n')]);
  });

  it('is of no concern to a shard that is not the account’s home', async () => {
    const world = await World.create();
    const endpoints = await Endpoints.of(world, ['weur', 'enam']);
    const endpoint = await endpoints.make(ok);
    await apply(world, await replicaWith(world, [await notice(world)]), 'enam');
    await world.quiet('enam');
    expect([endpoint.hits, await endpoints.deliveries('enam')]).toEqual([[], []]);
  });

  it('is forgotten after thirty days with its deliveries, and is not made anew of what is stored', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    await apply(world, await replicaWith(world, [await notice(world)]));
    await world.quiet();
    expect(endpoint.hits).toHaveLength(1);
    await world.pass(30 * DAY_MS - MINUTE_MS);
    expect(await ids(world)).toHaveLength(1);
    await world.pass(2 * MINUTE_MS);
    expect([await ids(world), await endpoints.deliveries()]).toEqual([[], []]);
    await world.crash();
    await world.pass(MINUTE_MS);
    expect([endpoint.hits.length, await ids(world)]).toEqual([1, []]);
  });
});

describe('a delivery carries', () => {
  it('a signature of the endpoint’s secret, and one of the account’s key, and its own headers', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok, { headers: { Authorization: 'Bearer gate' } });
    await endpoints.submit();
    await world.quiet();
    const keys = await endpoints.account.webhookKeys();
    if (keys.kind !== 'found') throw new Error('no key');
    const [hit] = endpoint.hits;
    if (!hit) throw new Error('nothing came');
    expect(hit.headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/);
    expect(hit.headers.authorization).toBe('Bearer gate');
    const publicKey = `whpk_${keys.keys[0]?.publicKey}`;
    const request = () =>
      new Request(endpoint.url, {
        method: 'POST',
        headers: hit.headers as Record<string, string>,
        body: hit.text,
      });
    for (const credential of [{ secret: endpoint.secret }, { publicKey }]) {
      expect((await verifyWebhook(request(), credential)).body).toBe(hit.text);
    }
  });

  it('both secrets while one is rotated, and the old one no more after its grace', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    const fresh = await endpoints.rotate({ endpointId: endpoint.id, scheme: 'v1', graceMs: 10 * MINUTE_MS });
    await endpoints.submit();
    await world.quiet();
    const [during] = endpoint.hits;
    expect(during?.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+ v1a,\S+$/);
    world.clock.advance(10 * MINUTE_MS);
    const hits = endpoints.receive(new URL(endpoint.url).origin, fresh, ok);
    await endpoints.submit();
    await world.quiet();
    expect(hits.length).toBeGreaterThan(0);
    for (const { headers } of hits) expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/);
  });
});
