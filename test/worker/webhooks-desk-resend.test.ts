import { describe, expect, it } from 'vitest';
import { deliveryIdOf, eventIdOf, receiverOf } from '../../src/worker/webhooks/ids.ts';
import { RETRY_DELAYS_MS } from '../../src/worker/webhooks/schedule.ts';
import { until } from '../support/upstream.ts';
import { Gate, MINUTE_MS, SECOND_MS } from './jobs-fixtures.ts';
import { expectKind } from './links-object-fixtures.ts';
import { DeskWorld, endOf } from './webhooks-desk-fixtures.ts';

const END_ONLY = { events: ['job.completed'] as const };

describe('a delivery that is sent again', () => {
  it('goes out under its id, is marked in its log, and is delivered twice', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver();
    const id = endOf(await desk.completed(), null);
    expect(await desk.resend(id)).toEqual({ kind: 'not_found' });
    const endpointId = await desk.endpoint(url, END_ONLY);
    const job = await desk.completed();
    const delivery = endOf(job, endpointId);
    const resent = expectKind(await desk.resend(delivery), 'resent').delivery;
    expect(resent).toMatchObject({
      status: 'pending',
      attempts: [{ manual: false }],
      nextAttemptAt: Date.now(),
    });
    await desk.world.quiet();
    expect(hits.map((hit) => hit.id)).toEqual([eventIdOf(job.id, 'z'), eventIdOf(job.id, 'z')]);
    expect(hits[1]?.body).toEqual(hits[0]?.body);
    expect(await desk.read(delivery)).toMatchObject({
      status: 'delivered',
      attempts: [
        { statusCode: 200, manual: false },
        { statusCode: 200, manual: true },
      ],
      nextAttemptAt: null,
    });
  });

  it('has its whole schedule before it, whether it waited or was given up', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver(() => new Response(null, { status: 500 }));
    const endpointId = await desk.endpoint(url, END_ONLY);
    const delivery = endOf(await desk.completed(), endpointId);
    await desk.world.pass(6 * SECOND_MS);
    expect(hits).toHaveLength(2);
    // It waits for its third try, in minutes.
    expectKind(await desk.resend(delivery), 'resent');
    await desk.world.quiet();
    expect(hits).toHaveLength(3);
    const next = (await desk.read(delivery)).nextAttemptAt ?? Number.NaN;
    expect(next - Date.now()).toBeLessThanOrEqual(6 * SECOND_MS);
    for (let tries = 1; tries < RETRY_DELAYS_MS.length; tries++) {
      const at = (await desk.read(delivery)).nextAttemptAt ?? Number.NaN;
      await desk.world.pass(at - Date.now());
    }
    expect(await desk.read(delivery)).toMatchObject({ status: 'failed', reason: 'exhausted' });
    expect(hits).toHaveLength(2 + RETRY_DELAYS_MS.length);
    expect(expectKind(await desk.resend(delivery), 'resent').delivery).toMatchObject({
      status: 'pending',
      reason: null,
    });
    await desk.world.quiet();
    const { attempts, status } = await desk.read(delivery);
    expect([status, attempts.length]).toEqual(['pending', hits.length]);
    expect(attempts.map(({ manual }) => manual).filter(Boolean)).toHaveLength(2);
  });

  it('is left as it is while it is being tried', async () => {
    const desk = await DeskWorld.create();
    const gate = new Gate();
    const { url, hits } = desk.receiver(async () => {
      await gate.hold();
      return new Response('thanks');
    });
    const endpointId = await desk.endpoint(url, END_ONLY);
    const job = await desk.world.start({ status: ['running'] });
    await desk.world.callBack(job.prompt, 'ok');
    await until(() => gate.waiting === 1);
    const delivery = endOf(job, endpointId);
    expect(expectKind(await desk.resend(delivery), 'resent').delivery).toMatchObject({
      status: 'pending',
      attempts: [],
    });
    gate.open();
    await desk.world.quiet();
    expect(hits).toHaveLength(1);
    expect(await desk.read(delivery)).toMatchObject({ status: 'delivered', attempts: [{ manual: false }] });
  });

  it('to a job’s own address needs no endpoint', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver((_, nth) => new Response(null, { status: nth === 1 ? 410 : 200 }));
    const delivery = endOf(await desk.completed({ webhook_url: url }), null);
    expect(await desk.read(delivery)).toMatchObject({
      status: 'failed',
      reason: 'gone',
      endpointId: null,
      url,
    });
    expectKind(await desk.resend(delivery), 'resent');
    await desk.world.quiet();
    expect(await desk.read(delivery)).toMatchObject({ status: 'delivered', reason: null });
    expect(hits).toHaveLength(2);
  });
});

describe('a delivery is not sent again', () => {
  it('to an endpoint that is disabled, by its owner or as this shard has seen', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver();
    const endpointId = await desk.endpoint(url, END_ONLY);
    const delivery = endOf(await desk.completed(), endpointId);
    await desk.enable(endpointId, false);
    expect(await desk.resend(delivery)).toEqual({ kind: 'disabled' });
    await desk.enable(endpointId, true);
    expectKind(await desk.resend(delivery), 'resent');
    await desk.world.quiet();
    // It has answered 410, and the account is still to be told.
    await desk.writeHealth(endpointId, { mark: { reason: 'gone', since: Date.now(), reported: false } });
    expect(await desk.resend(delivery)).toEqual({ kind: 'disabled' });
    expect(hits).toHaveLength(2);
  });

  it('to one that was deleted', async () => {
    const desk = await DeskWorld.create();
    const endpointId = await desk.endpoint(desk.receiver().url, END_ONLY);
    const delivery = endOf(await desk.completed(), endpointId);
    await desk.account.deleteEndpoint(endpointId);
    expect(await desk.resend(delivery)).toEqual({ kind: 'endpoint_deleted' });
  });

  it('when its job is forgotten', async () => {
    const desk = await DeskWorld.create();
    const endpointId = await desk.endpoint(desk.receiver().url, END_ONLY);
    const job = await desk.completed();
    // As in the moment before its files are deleted.
    await desk.world.sql('UPDATE jobs SET expired_at = ? WHERE id = ?', [Date.now(), job.id]);
    expect(await desk.resend(endOf(job, endpointId))).toEqual({ kind: 'gone' });
  });
});

describe('the order of a job’s events to one receiver', () => {
  it('holds for those that are sent again, in whatever order that is asked', async () => {
    const desk = await DeskWorld.create();
    const { url, hits } = desk.receiver();
    const endpointId = await desk.endpoint(url, { enabled: false });
    const job = await desk.completed();
    expect(await desk.statuses()).toEqual({ held: 3 });
    await desk.enable(endpointId, true);
    // It is slow, so that all three wait for it together.
    await desk.writeHealth(endpointId, { slowUntil: Date.now() + MINUTE_MS, slowStep: 1 });
    const [created, started, completed] = (['c', 's', 'z'] as const).map((moment) =>
      deliveryIdOf(job.id, moment, receiverOf(endpointId)),
    ) as [string, string, string];
    const planned = async () =>
      (await desk.world.due()).filter(({ kind }) => kind === 'deliver').map(({ key }) => key);
    for (const [delivery, first] of [
      [completed, completed],
      [created, created],
      [started, created],
      [completed, created],
    ] as const) {
      expectKind(await desk.resend(delivery), 'resent');
      await desk.world.quiet();
      expect(await planned()).toEqual([first]);
    }
    expect(await desk.read(started)).toMatchObject({ status: 'pending', nextAttemptAt: null });
    for (let tries = 0; tries < 3; tries++) await desk.world.pass(MINUTE_MS);
    expect(hits.map(({ body }) => body.type)).toEqual(['job.created', 'job.started', 'job.completed']);
    expect(await desk.statuses()).toEqual({ delivered: 3 });
  });
});
