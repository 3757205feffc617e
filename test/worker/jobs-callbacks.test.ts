import { describe, expect, it } from 'vitest';
import type { Json } from '../support/customer.ts';
import { deliver, HOUR_MS, MINUTE_MS, type StartedJob, World } from './jobs-fixtures.ts';

const BEFORE = { available: 290, held: 0, captured: 0 };
const HELD = { available: 261, held: 29, captured: 0 };
const CHARGED = { available: 261, held: 0, captured: 29 };
const RECEIVER = 'https://receiver.example.org';

/** A job that upstream is rendering, and whose end is told to a receiver. */
async function rendering() {
  const world = await World.create();
  const events = await world.receiver(RECEIVER);
  const job = await world.start({ status: ['running'] }, { webhook_url: `${RECEIVER}/` });
  expect(await world.state(job)).toBe('submitted');
  return { world, events, job };
}

/** What all must be as it was before a callback that is not to be believed. */
async function expectUntouched(world: World, job: StartedJob): Promise<void> {
  await world.quiet();
  expect(await world.state(job)).toBe('submitted');
  expect(world.upstream.count('result', job.prompt)).toBe(0);
  expect(await world.credits()).toEqual(HELD);
}

const kinds = (events: readonly { body: Json }[]) => events.map(({ body }) => body.type);

describe('a callback', () => {
  it('with the video ends the job without another question', async () => {
    const { world, events, job } = await rendering();
    const [answer] = await world.callBack(job.prompt, 'ok');
    expect([answer?.status, await answer?.json()]).toEqual([200, { applied: true }]);
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed' });
    expect(world.upstream.count('status', job.prompt) + world.upstream.count('result', job.prompt)).toBe(0);
    expect(kinds(events)).toEqual(['job.completed']);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it('without its payload has the result fetched', async () => {
    const { world, events, job } = await rendering();
    await world.callBack(job.prompt, 'ok_null');
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.count('result', job.prompt)).toBe(1);
    expect(kinds(events)).toEqual(['job.completed']);
  });

  it('with an error fails the job and releases its credits', async () => {
    const { world, events, job } = await rendering();
    await world.callBack(job.prompt, { error: 'content_policy_violation' });
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({
      status: 'failed',
      error: { code: 'content_policy_violation' },
      credits_charged: 0,
    });
    expect(kinds(events)).toEqual(['job.failed']);
    expect(await world.credits()).toEqual(BEFORE);
  });

  it('that says how it ended in no words of ours has the result asked', async () => {
    const { world, job } = await rendering();
    const { id } = world.upstream.requestOf(job.prompt);
    await world.callBack(job.prompt, { raw: JSON.stringify({ request_id: id, status: 'MAYBE' }) });
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed' });
  });

  it('that comes five times at once is applied once', async () => {
    const { world, events, job } = await rendering();
    const answers = await world.callBack(job.prompt, 'ok', { times: 5 });
    const applied = await Promise.all(answers.map((answer) => answer.json() as Promise<Json>));
    expect(applied.filter((answer) => answer.applied)).toHaveLength(1);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await world.quiet();
    expect(world.upstream.count('file', job.prompt)).toBe(1);
    expect(kinds(events)).toEqual(['job.completed']);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each([
    ['ok', { error: 'content_policy_violation' }],
    [{ error: 'content_policy_violation' }, 'ok'],
    ['ok_null', { error: 'generation_failed' }],
  ] as const)('of %j decides, and %j after the end changes nothing', async (first, late) => {
    const { world, events, job } = await rendering();
    await world.callBack(job.prompt, first);
    await world.quiet();
    const [before, credits] = [await world.customer.status(job.id), await world.credits()];
    for (const _ of [1, 2]) {
      world.clock.advance(MINUTE_MS);
      const [answer] = await world.callBack(job.prompt, late);
      expect([answer?.status, await answer?.json()]).toEqual([200, { applied: false }]);
    }
    await world.pass(HOUR_MS);
    const after = await world.customer.status(job.id);
    expect({ ...after, result: null }).toEqual({ ...before, result: null });
    expect(await world.credits()).toEqual(credits);
    expect(events).toHaveLength(1);
  });

  it.each([
    ['signed by somebody else', { forged: true }],
    ['six minutes old', { ageS: 360 }],
    ['from the future', { ageS: -360 }],
  ] as const)('%s is refused', async (_, faults) => {
    const { world, job } = await rendering();
    // Not through `callBack`, which ends the job upstream: a forger cannot.
    const answer = await deliver(await world.upstream.webhook(job.prompt, 'ok', faults));
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: 'invalid_signature' });
    await expectUntouched(world, job);
  });

  it.each([
    ['with another job’s token', (token: string) => `${token.slice(0, -6)}AAAAAA`],
    ['with a token cut short', (token: string) => token.slice(0, -1)],
    ['with no token of ours', () => 'nonsense'],
  ])('%s is not found, though well signed', async (_, forge) => {
    const { world, job } = await rendering();
    const { callbackUrl, id } = world.upstream.requestOf(job.prompt);
    const at = callbackUrl.lastIndexOf('/') + 1;
    const url = callbackUrl.slice(0, at) + forge(callbackUrl.slice(at));
    const body = JSON.stringify({ request_id: id, status: 'OK', payload: null });
    expect((await deliver(await world.upstream.signer.request(url, id, body))).status).toBe(404);
    await expectUntouched(world, job);
  });

  it('about another request of the upstream changes nothing', async () => {
    const { world, job } = await rendering();
    const other = await world.start({ status: ['running'] });
    const { callbackUrl } = world.upstream.requestOf(job.prompt);
    const { id } = world.upstream.requestOf(other.prompt);
    const body = JSON.stringify({
      request_id: id,
      status: 'ERROR',
      error: 'Invalid status code: 422',
      payload: {},
    });
    const answer = await deliver(await world.upstream.signer.request(callbackUrl, id, body));
    expect([answer.status, await answer.json()]).toEqual([200, { applied: false }]);
    await world.quiet();
    expect([await world.state(job), await world.state(other)]).toEqual(['submitted', 'submitted']);
  });

  it.each([
    ['no JSON', 'not json'],
    ['no request id', '{"status":"OK"}'],
    ['a request id that would lead elsewhere', '{"request_id":"../../admin","status":"OK"}'],
  ])('with %s is a 400', async (_, raw) => {
    const { world, job } = await rendering();
    expect((await deliver(await world.upstream.webhook(job.prompt, { raw }))).status).toBe(400);
    await expectUntouched(world, job);
  });

  it('is refused a day after the deadline, when its address has expired', async () => {
    const { world, job } = await rendering();
    world.clock.advance(25 * HOUR_MS);
    expect((await deliver(await world.upstream.webhook(job.prompt, 'ok'))).status).toBe(404);
  });

  it('with the video of a job that failed at its deadline does not charge it', async () => {
    const { world, events, job } = await rendering();
    expect(await world.ended(job, 70, 10)).toMatchObject({ status: 'failed' });
    const [answer] = await world.callBack(job.prompt, 'ok');
    expect(await answer?.json()).toEqual({ applied: false });
    await world.pass(HOUR_MS);
    expect(await world.credits()).toEqual(BEFORE);
    expect(kinds(events)).toEqual(['job.failed']);
    expect(await world.files(job.id)).toEqual([]);
  });
});
