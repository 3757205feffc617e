import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { JobPlan } from '../support/upstream.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';

const BEFORE = { available: 290, held: 0, captured: 0 };
const HELD = { available: 261, held: 29, captured: 0 };
const CHARGED = { available: 261, held: 0, captured: 29 };
/** `SUBMIT_DEADLINE_S` of wrangler.toml. */
const SUBMIT_DEADLINE_MS = 15 * MINUTE_MS;

/** Time-outs that the test calls: `AbortSignal.timeout` gives signals that fire when it says so. */
function timeouts(): { fire: () => void } {
  const controllers: AbortController[] = [];
  const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const controller = new AbortController();
    controllers.push(controller);
    return controller.signal;
  });
  onTestFinished(() => spy.mockRestore());
  return {
    fire: () => {
      for (const controller of controllers) controller.abort(new DOMException('timed out', 'TimeoutError'));
    },
  };
}

describe('a submit that the upstream refuses', () => {
  it.each<[string, JobPlan, string]>([
    [
      'by its content policy',
      {
        submit: [
          { status: 422, body: { detail: [{ type: 'content_policy_violation', loc: ['body', 'prompt'] }] } },
        ],
      },
      'content_policy_violation',
    ],
    [
      'for our credentials',
      { submit: [{ status: 401, body: { detail: 'No access' } }] },
      'upstream_rejected_credentials',
    ],
    [
      'for want of money',
      { submit: [{ status: 403, body: { detail: 'Exhausted balance' } }] },
      'upstream_rejected_credentials',
    ],
    ['without a reason', { submit: [{ status: 400 }] }, 'invalid_input'],
  ])('%s fails at once and costs nothing', async (_, plan, code) => {
    const world = await World.create();
    const job = await world.start(plan);
    expect(await world.customer.status(job.id)).toMatchObject({
      status: 'failed',
      error: { code, message: expect.any(String) },
      credits_charged: 0,
      cost_usd: 0,
    });
    expect(await world.credits()).toEqual(BEFORE);
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    expect(await world.planned(job.id)).toBeUndefined();
  });
});

describe('a submit that the upstream has no room for', () => {
  it('is sent again when the upstream said, billed once, and charged once', async () => {
    const world = await World.create();
    const busy = { status: 429, body: { detail: 'busy' }, headers: { 'Retry-After': '120' } };
    const job = await world.start({ submit: [busy, 'accept'] });
    expect(await world.state(job)).toBe('queued');
    expect(await world.planned(job.id)).toMatchObject({
      kind: 'submit',
      due_at: Date.now() + 120 * SECOND_MS,
    });
    await world.pass(119 * SECOND_MS);
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    expect(await world.credits()).toEqual(HELD);
    await world.pass(SECOND_MS);
    expect(world.upstream.count('submit', job.prompt)).toBe(2);
    expect(await world.ended(job)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.accepted(job.prompt)).toBe(1);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it('gives up with a reason and without a charge when there never is room', async () => {
    const world = await World.create();
    const job = await world.start({ submit: [{ status: 429 }] });
    expect(await world.ended(job, 17)).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_busy' },
      credits_charged: 0,
    });
    expect(await world.credits()).toEqual(BEFORE);
    // Backed off to a minute, and not hammered: 1 + 2 + 4 + 8 + 16 + 32 s, then one a minute.
    expect(world.upstream.count('submit', job.prompt)).toBeLessThanOrEqual(25);
  });
});

/** Every way in which a request may have been taken without our knowing. */
const UNKNOWN: [string, JobPlan][] = [
  ['a 500', { submit: [{ accept: { status: 500 } }] }],
  ['a gateway that gave up', { submit: [{ accept: { status: 504 } }] }],
  ['a connection that broke', { submit: [{ accept: 'lost' }] }],
  ['no JSON', { submit: [{ accept: 'garbage' }] }],
  ['a body without end', { submit: [{ accept: 'huge' }] }],
  ['a redirect to somebody else', { submit: [{ accept: 'redirect' }] }],
  ['no request id', { submit: [{ accept: { status: 200, body: { status: 'IN_QUEUE' } } }] }],
];

describe('a submit answered with', () => {
  it.each(UNKNOWN)('%s is never sent again; its callback completes it', async (_, plan) => {
    const world = await World.create();
    const job = await world.start(plan);
    expect(await world.state(job)).toBe('unknown');
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'in_progress', phase: 'queued' });
    await world.pass(SUBMIT_DEADLINE_MS - MINUTE_MS);
    expect(await world.credits()).toEqual(HELD);
    await world.callBack(job.prompt, 'ok');
    expect(await world.ended(job, 2)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    expect(world.upstream.count('foreign')).toBe(0);
    expect(world.upstream.hugeBytes).toBeLessThan(1_000_000);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each(UNKNOWN)(
    '%s and never called back fails after its deadline; a later success changes nothing',
    async (_, plan) => {
      const world = await World.create();
      const events = await world.receiver('https://receiver.example.org');
      const job = await world.start(plan, { webhook_url: 'https://receiver.example.org/' });
      await world.pass(SUBMIT_DEADLINE_MS - 1);
      expect(await world.state(job)).toBe('unknown');
      await world.pass(1);
      const failed = await world.customer.status(job.id);
      expect(failed).toMatchObject({
        status: 'failed',
        error: { code: 'submit_outcome_unknown' },
        credits_charged: 0,
        cost_usd: 0,
      });
      expect(await world.credits()).toEqual(BEFORE);
      const [answer] = await world.callBack(job.prompt, 'ok');
      expect(await answer?.json()).toEqual({ applied: false });
      await world.pass(HOUR_MS);
      expect(await world.customer.status(job.id)).toEqual(failed);
      expect(await world.credits()).toEqual(BEFORE);
      expect(world.upstream.count('submit', job.prompt)).toBe(1);
      expect(events.map(({ body }) => body.type)).toEqual(['job.failed']);
    },
  );
});

describe('a submit that times out', () => {
  it('after the upstream took it waits for the callback', async () => {
    const world = await World.create();
    const { fire } = timeouts();
    const job = await world.startRaw({ submit: [{ accept: 'hang' }] });
    await world.upstream.saw('submit', job.prompt);
    fire();
    await world.quiet();
    expect(await world.state(job)).toBe('unknown');
    await world.callBack(job.prompt, 'ok');
    expect(await world.ended(job, 2)).toMatchObject({ status: 'completed' });
    expect([world.upstream.count('submit', job.prompt), world.upstream.accepted(job.prompt)]).toEqual([1, 1]);
  });

  it('before the upstream took it is not sent again either: nobody can tell the two apart', async () => {
    const world = await World.create();
    const { fire } = timeouts();
    const job = await world.startRaw({ submit: ['hang'] });
    await world.upstream.saw('submit', job.prompt);
    fire();
    await world.quiet();
    expect(await world.ended(job, 16)).toMatchObject({
      status: 'failed',
      error: { code: 'submit_outcome_unknown' },
    });
    expect([world.upstream.count('submit', job.prompt), world.upstream.accepted(job.prompt)]).toEqual([1, 0]);
    expect(await world.credits()).toEqual(BEFORE);
  });

  it('because the shard died meanwhile is not sent again; the callback completes it', async () => {
    const world = await World.create();
    const job = await world.startRaw({ submit: [{ accept: 'hang' }] });
    await world.upstream.saw('submit', job.prompt);
    await world.crash();
    // The dead claim on the submit runs out; what is left of it is a question, not a second submit.
    await world.pass(MINUTE_MS);
    expect(await world.state(job)).toBe('unknown');
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    await world.callBack(job.prompt, 'ok');
    expect(await world.ended(job, 2)).toMatchObject({ status: 'completed' });
    expect(await world.credits()).toEqual(CHARGED);
  });
});

it('a callback that overtakes the answer to its own submit is the answer', async () => {
  const world = await World.create();
  const job = await world.startRaw({ submit: [{ accept: 'hang' }] });
  await world.upstream.saw('submit', job.prompt);
  await world.callBack(job.prompt, 'ok');
  const status = await world.customer.ended(job.id);
  expect(status).toMatchObject({ status: 'completed', credits_charged: 29 });
  world.upstream.release();
  await world.pass(MINUTE_MS);
  expect(await world.customer.status(job.id)).toMatchObject({
    status: 'completed',
    completed_at: status.completed_at,
  });
  expect(await world.credits()).toEqual(CHARGED);
});

it('the upstream’s key goes to no other host, whatever addresses it is told', async () => {
  const world = await World.create();
  const { upstream } = world;
  const redirects = new Set<string>();
  world.installed.receive(upstream.queueUrl, (request) => {
    redirects.add(request.redirect);
    return upstream.handle(request);
  });
  const job = await world.start({ submit: ['foreign_urls'] });
  expect(await world.ended(job)).toMatchObject({ status: 'completed' });
  expect(world.upstream.count('foreign')).toBe(0);
  const withKey = world.upstream.calls.filter((call) => call.headers.has('authorization'));
  expect(withKey.length).toBeGreaterThan(2);
  expect(redirects).toEqual(new Set(['manual']));
  expect(new Set(withKey.map((call) => new URL(call.url).origin))).toEqual(
    new Set(['https://queue.fal.run']),
  );
});
