import { describe, expect, it } from 'vitest';
import { readFileLink } from '../../src/worker/media/links.ts';
import { EVENT_SCHEMAS } from '../../src/worker/webhooks/event.ts';
import { deliveryIdOf, eventIdOf, OWN_RECEIVER } from '../../src/worker/webhooks/ids.ts';
import { installHops } from '../support/hops.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';
import { config, expectKind, grantCredits, Links, RECEIVER } from './links-object-fixtures.ts';

const HOOK = `${RECEIVER}/hook`;

async function create(credits = 290) {
  const world = await World.create({ credits });
  const events = await world.receiver(RECEIVER);
  return { world, links: await Links.of(world), events };
}

describe('the event of an upload', () => {
  it('tells of the link and its picture, signed, under an id of its own', async () => {
    const { world, links, events } = await create();
    const metadata = { order: '7' };
    const id = await links.make({ webhookUrl: HOOK, metadata });
    const image = await links.picture(id);
    expectKind(await links.finish(id, image), 'won');
    await world.quiet();
    expect(events).toHaveLength(1);
    const [event] = events;
    expect(event?.id).toBe(eventIdOf(id, 'u'));
    expect(event?.body).toEqual(EVENT_SCHEMAS['upload.completed'].parse(event?.body));
    expect(event?.body).toMatchObject({
      type: 'upload.completed',
      timestamp: new Date().toISOString(),
      data: {
        upload_id: id,
        status: 'uploaded',
        content_type: 'image/png',
        bytes: image.bytes,
        width: 640,
        height: 480,
        sha256: image.sha256,
        uploaded_at: new Date().toISOString(),
        metadata,
      },
    });
    const { data } = event?.body ?? {};
    expect(Object.keys(data)).not.toEqual(expect.arrayContaining(['url']));
    expect([data.job_id, data.job_error, data.result]).toEqual([undefined, undefined, undefined]);
    const [token = '', name = ''] = new URL(data.image_url).pathname.split('/').slice(2);
    const { account } = world.customer;
    expect(await readFileLink(config, token, name, Date.now())).toMatchObject({
      key: `up/${account}/${id}/`,
      name: id,
      account,
      expiresAt: Date.now() + 48 * HOUR_MS,
    });
    expect(await world.sql('SELECT id, type, receiver, url, status FROM deliveries')).toEqual([
      {
        id: deliveryIdOf(id, 'u', OWN_RECEIVER),
        type: 'upload.completed',
        receiver: OWN_RECEIVER,
        url: HOOK,
        status: 'delivered',
      },
    ]);
  });

  it('is not sent for an upload that lost, nor twice for one that is told again', async () => {
    const { world, links, events } = await create();
    const id = await links.make({ webhookUrl: HOOK });
    const image = await links.picture(id);
    await links.finish(id, image);
    await world.quiet();
    await links.finish(id, image);
    await links.finish(id);
    await world.quiet();
    expect(events).toHaveLength(1);
  });

  it('tells that the job waits for credits', async () => {
    const { world, links, events } = await create(0);
    const { id } = await links.makeWithJob({ webhookUrl: HOOK });
    expectKind(await links.finish(id), 'won');
    await world.quiet();
    expect(events.map(({ body }) => [body.type, body.data.job_id, body.data.job_error?.code])).toEqual([
      ['upload.completed', undefined, 'insufficient_credits'],
    ]);
    await grantCredits(world, 29);
    expectKind(await links.start(id), 'accepted');
    await world.quiet();
    expect(events).toHaveLength(1);
  });

  it('waits for the job’s id while the start is under way, but not for ever', async () => {
    const { world, links, events } = await create();
    const { id } = await links.makeWithJob({ webhookUrl: HOOK });
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'account' ? 'lost' : 'pass');
    expectKind(await links.finish(id), 'won');
    await world.ring(31 * SECOND_MS);
    await world.quiet();
    expect(events).toEqual([]);
    await world.ring(30 * SECOND_MS);
    await world.quiet();
    expect(events.map(({ body }) => [body.type, body.data.job_id])).toEqual([
      ['upload.completed', undefined],
    ]);
  });

  it('is tried again under the same id until it is taken', async () => {
    const world = await World.create();
    const links = await Links.of(world);
    let refusals = 2;
    const events = await world.receiver(
      RECEIVER,
      () => new Response('', { status: refusals-- > 0 ? 500 : 204 }),
    );
    const id = await links.make({ webhookUrl: HOOK });
    expectKind(await links.finish(id), 'won');
    await world.quiet();
    await world.pass(MINUTE_MS);
    await world.pass(10 * MINUTE_MS);
    expect(events.map((event) => event.id)).toEqual(Array(3).fill(eventIdOf(id, 'u')));
    expect(new Set(events.map(({ text }) => text)).size).toBe(1);
  });

  it('shares its host’s lane with the events of jobs', async () => {
    const { world, links } = await create();
    const id = await links.make({ webhookUrl: HOOK });
    await world.inShard((_, { storage }) => storage.deleteAlarm());
    const [row] = await Promise.all([
      world.inShard(async (shard, { storage }) => {
        const jobId = await links.mint('job');
        await shard.finishUpload({ uploadId: id, image: await links.picture(id), jobId });
        return storage.sql.exec("SELECT lane FROM due WHERE kind = 'deliver'").toArray()[0];
      }),
    ]);
    expect(row).toEqual({ lane: 'receiver.example.org' });
    await world.quiet();
  });
});
