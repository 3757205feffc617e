import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_HUNG, MAX_OF_KIND, MAX_PER_HOST } from '../../src/worker/jobs/schedule.ts';
import { tick } from '../support/customer.ts';
import { soakOr } from '../support/soak.ts';
import { until } from '../support/upstream.ts';
import { type Answer, Endpoints, type MadeEndpoint, ok, status, timesOut } from './deliveries-fixtures.ts';
import { HOUR_MS, World } from './jobs-fixtures.ts';

const CREATED = { events: ['job.created'] } as const;
const MANY = soakOr(10, 6);
const EVENTS = soakOr(100, 15);

/** What hangs does so until the test says that its time is over, however slow the machine is. */
beforeEach(() => {
  const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal);
  return () => spy.mockRestore();
});

/** Receivers that never answer. */
class Hung {
  /** Requests that hang at this moment. */
  count = 0;
  #over = 0;
  #released = false;

  readonly answer: Answer = async (hit, nth) => {
    const over = this.#over;
    this.count++;
    await until(() => this.#released || this.#over > over);
    this.count--;
    return this.#released ? ok(hit, nth) : timesOut(hit, nth);
  };

  /** The time of all that hang at this moment is over. */
  timeOver(): void {
    this.#over++;
  }

  release(): void {
    this.#released = true;
  }
}

async function create() {
  const world = await World.create({ credits: 29_000 });
  const hung = new Hung();
  onTestFinished(() => hung.release());
  return { world, endpoints: await Endpoints.of(world), hung };
}

/** Turns of the event loop, for whatever would go on by itself. */
async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await tick();
}

/** Events to an endpoint, each sent when the one before has come. @returns how many turns each took, in the mean. */
async function latency(endpoints: Endpoints, { hits }: MadeEndpoint, count: number): Promise<number> {
  let all = 0;
  for (let n = 0; n < count; n++) {
    const before = hits.length;
    await endpoints.submit();
    for (let waited = 0; hits.length === before; waited++, all++) {
      if (waited > 2_000) throw new Error('it waits for those that hang');
      await tick();
    }
  }
  return all / count;
}

describe('a healthy endpoint', () => {
  it('gets its events as soon beside one that hangs as without it', async () => {
    const { world, endpoints, hung } = await create();
    const healthy = await endpoints.make(ok, CREATED);
    const alone = await latency(endpoints, healthy, EVENTS);
    await endpoints.make(hung.answer, CREATED);
    const beside = await latency(endpoints, healthy, EVENTS);
    expect(hung.count).toBeGreaterThan(0);
    expect(healthy.hits).toHaveLength(2 * EVENTS);
    console.log({ event: 'latency_beside_a_hung_endpoint', ratio: (beside + 1) / (alone + 1) });
    hung.release();
    await world.quiet();
  });

  it('that has answered waits for none of many that hang, whether or not they are known to', async () => {
    const { world, endpoints, hung } = await create();
    const healthy = await endpoints.make(ok, CREATED);
    await latency(endpoints, healthy, 1);
    for (let n = 0; n < MANY; n++) await endpoints.make(hung.answer, CREATED);
    await endpoints.submit();
    await until(() => hung.count === MAX_OF_KIND.deliver - 1 && healthy.hits.length === 2);
    await latency(endpoints, healthy, EVENTS);
    expect(hung.count).toBe(MAX_OF_KIND.deliver - 1);
    // Each of them has its first try, and from then on they share a place.
    for (let n = 0; n < MANY; n++) {
      hung.timeOver();
      await turns(20);
    }
    await until(() => hung.count <= MAX_HUNG);
    await latency(endpoints, healthy, EVENTS);
    // Also when all that has waited for them is due.
    await world.ring(HOUR_MS);
    await until(() => hung.count === MAX_HUNG);
    await latency(endpoints, healthy, EVENTS);
    expect(hung.count).toBe(MAX_HUNG);
    hung.release();
    await world.quiet();
  });

  it('does not wait behind a crowd of strangers that hang, which jobs have named', async () => {
    const { world, endpoints, hung } = await create();
    const healthy = await endpoints.make(ok, CREATED);
    await latency(endpoints, healthy, 1);
    const secret = await world.secret();
    const jobs = 3 * MANY;
    for (let n = 0; n < jobs; n++) {
      const origin = `https://stranger-${n}.example.org`;
      endpoints.receive(origin, secret, hung.answer);
      await endpoints.submit({ webhookUrl: `${origin}/`, webhookEvents: ['job.created'] });
    }
    await until(() => healthy.hits.length === jobs + 1);
    expect(hung.count).toBe(MAX_OF_KIND.deliver - 1);
    hung.release();
    await world.quiet();
  });
});

it('one host is tried twice at once at the most, also when endpoints with events on their way move to it', async () => {
  const { world, endpoints } = await create();
  const origin = 'https://moved-to.example.org';
  const moved = await Promise.all([1, 2, 3].map(() => endpoints.make(status(500), CREATED)));
  await endpoints.submit();
  await world.quiet();
  let [atOnce, isOver] = [0, false];
  world.installed.receive(origin, async () => {
    atOnce++;
    await until(() => isOver);
    return new Response('thanks');
  });
  for (const endpoint of moved) await endpoints.update(endpoint, { url: `${origin}/${endpoint.id}` });
  await world.ring(HOUR_MS);
  await until(() => atOnce > 1);
  await turns(50);
  expect(atOnce).toBe(MAX_PER_HOST);
  isOver = true;
  await world.quiet();
  expect(atOnce).toBe(moved.length);
});

it('jobs go their way while every receiver hangs', async () => {
  const { world, endpoints, hung } = await create();
  for (let n = 0; n < MANY; n++) await endpoints.make(hung.answer);
  for (let n = 0; n < 5; n++) {
    const job = await world.startRaw({ status: ['running'] });
    await world.upstream.saw('submit', job.prompt);
    await world.callBack(job.prompt, 'ok');
    expect(await world.customer.ended(job.id)).toMatchObject({ status: 'completed' });
  }
  expect(hung.count).toBeGreaterThan(0);
  hung.release();
  await world.quiet();
});
