import { describe, expect, it } from 'vitest';
import { HOUR_MS } from './jobs-fixtures.ts';
import { expectKind } from './links-object-fixtures.ts';
import { DeskWorld } from './webhooks-desk-fixtures.ts';

describe('a test event', () => {
  const send = async (desk: DeskWorld, endpointId: string, noticeId: string) =>
    desk.client.testEndpoint({ keyHash: desk.keyHash, endpointId, noticeId, event: 'job.failed' });

  it('goes to its endpoint alone, once, also unsubscribed, and can be sent again', async () => {
    const desk = await DeskWorld.create();
    const other = desk.receiver();
    const { url, hits } = desk.receiver(() => new Response('no', { status: 500 }));
    await desk.endpoint(other.url);
    const endpointId = await desk.endpoint(url, { events: ['credits.low'] });
    const noticeId = await desk.mintNotice();
    const sent = expectKind(await send(desk, endpointId, noticeId), 'sent').delivery;
    expect(sent).toMatchObject({
      event: 'job.failed',
      endpointId,
      jobId: null,
      uploadId: null,
      status: 'pending',
    });
    // The call's answer was lost, and it is made again.
    expect(expectKind(await send(desk, endpointId, noticeId), 'sent').delivery.deliveryId).toBe(
      sent.deliveryId,
    );
    await desk.world.quiet();
    expect(hits).toMatchObject([
      { id: sent.eventId, body: { type: 'job.failed', data: { status: 'failed' } } },
    ]);
    expect(Date.parse(hits[0]?.body.timestamp)).toBe(Date.now());
    expect(await desk.read(sent.deliveryId)).toMatchObject({
      status: 'failed',
      reason: 'exhausted',
      nextAttemptAt: null,
    });
    expectKind(await desk.resend(sent.deliveryId), 'resent');
    await desk.world.pass(HOUR_MS);
    expect(hits).toHaveLength(2);
    expect(await desk.read(sent.deliveryId)).toMatchObject({
      status: 'failed',
      attempts: [{ manual: false }, { manual: true, response: 'no' }],
    });
    // It is nothing that was missed.
    const now = Date.now();
    await desk.client.recover({ keyHash: desk.keyHash, endpointId, since: now - 2 * HOUR_MS, until: now });
    await desk.world.quiet();
    expect(hits).toHaveLength(2);
    expect(other.hits).toEqual([]);
  });

  it('is unlike an event about the account, which is recovered when it was missed', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver((_, nth) => new Response(null, { status: nth === 1 ? 500 : 200 }));
    const endpointId = await desk.endpoint(url);
    const noticeId = await desk.mintNotice();
    const sent = expectKind(await send(desk, endpointId, noticeId), 'sent').delivery;
    await desk.world.quiet();
    await desk.world.sql('UPDATE notices SET test = 0 WHERE id = ?', [noticeId]);
    const now = Date.now();
    await desk.client.recover({ keyHash: desk.keyHash, endpointId, since: now, until: now });
    await desk.world.quiet();
    expect(hits.map(({ id }) => id)).toEqual([sent.eventId, sent.eventId]);
    expect(await desk.read(sent.deliveryId)).toMatchObject({ status: 'delivered' });
  });

  it('is not sent to an endpoint that is disabled, or is none', async () => {
    const desk = await DeskWorld.create();
    const endpointId = await desk.endpoint(desk.receiver().url, { enabled: false });
    expect(await send(desk, endpointId, await desk.mintNotice())).toEqual({ kind: 'disabled' });
    expect(await send(desk, 'ep_0123456789ab', await desk.mintNotice())).toEqual({ kind: 'not_found' });
    expect(await desk.ids()).toEqual([]);
  });

  it('is forgotten after 30 days, with its delivery', async () => {
    const desk = await DeskWorld.create();
    const { url } = desk.receiver();
    const endpointId = await desk.endpoint(url);
    expectKind(await send(desk, endpointId, await desk.mintNotice()), 'sent');
    await desk.world.quiet();
    await desk.world.pass(10 * 24 * HOUR_MS);
    const later = expectKind(await send(desk, endpointId, await desk.mintNotice()), 'sent').delivery;
    await desk.world.pass(20 * 24 * HOUR_MS - 1);
    expect(await desk.ids()).toHaveLength(2);
    await desk.world.pass(1);
    expect(await desk.ids()).toEqual([later.deliveryId]);
    // Asked for again, it waits for a receiver that is slow.
    const slow = { slowUntil: Date.now() + 20 * 24 * HOUR_MS, slowStep: 1 };
    await desk.writeHealth(endpointId, slow);
    expectKind(await desk.resend(later.deliveryId), 'resent');
    await desk.world.quiet();
    expect(await desk.world.planned(later.deliveryId)).toMatchObject({ due_at: slow.slowUntil });
    await desk.world.pass(10 * 24 * HOUR_MS);
    expect(await desk.ids()).toEqual([]);
    expect(await desk.world.sql('SELECT * FROM notices')).toEqual([]);
    expect((await desk.world.due()).filter(({ kind }) => kind === 'deliver')).toEqual([]);
  });
});
