import { describe, expect, it } from 'vitest';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { type Answer, Endpoints, type MadeEndpoint, ok, status, timesOut } from './deliveries-fixtures.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';

const MOMENTS = ['c', 's', 'z'] as const;

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

/** Which of a job's events came to an endpoint, in the order of their first tries. */
function firsts(jobId: string, { hits }: MadeEndpoint): string[] {
  const moments = new Map(MOMENTS.map((moment) => [eventIdOf(jobId, moment), moment]));
  return [...new Set(hits.map(({ id }) => moments.get(id)).filter((moment) => moment !== undefined))];
}

describe('the events of a job are first tried in their order', () => {
  it.each<[string, Answer]>([
    ['when all is well', ok],
    ['when the first of each fails', (hit, nth) => status(nth % 2 === 1 ? 500 : 200)(hit, nth)],
    ['when every try fails', status(500)],
    ['when it times out', timesOut],
    ['when the endpoint is slowed', (hit, nth) => status(nth <= 3 ? 429 : 200)(hit, nth)],
  ])('%s', async (_, answer) => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(answer);
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await endpoints.run(DAY_MS);
    expect(firsts(job.id, endpoint)).toEqual([...MOMENTS]);
    // A later one does not wait until the earlier is delivered, only until it was tried.
    expect(await endpoints.deliveries()).toHaveLength(3);
  });

  it('when a receiver is slow to answer: the next waits for the end of the first try', async () => {
    const { world, endpoints } = await create();
    const running = new Set<string>();
    let overlaps = 0;
    const endpoint = await endpoints.make(async ({ id }) => {
      if (running.size > 0) overlaps++;
      running.add(id);
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setTimeout(resolve, 0));
      running.delete(id);
      return new Response('thanks');
    });
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect([firsts(job.id, endpoint), overlaps]).toEqual([[...MOMENTS], 0]);
  });

  it('when the rate is limited, and the events of other jobs come between', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok, { rateLimit: 1 });
    const jobs = await Promise.all([1, 2, 3].map(() => world.start({ status: ['running'] })));
    for (const { prompt } of jobs) await world.callBack(prompt, 'ok');
    await endpoints.run(MINUTE_MS);
    expect(endpoint.hits).toHaveLength(9);
    for (const { id } of jobs) expect(firsts(id, endpoint)).toEqual([...MOMENTS]);
  });

  it('to each endpoint by itself: one that fails holds no other back', async () => {
    const { world, endpoints } = await create();
    const [bad, good] = [await endpoints.make(status(500)), await endpoints.make(ok)];
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect([firsts(job.id, bad), firsts(job.id, good)]).toEqual([[...MOMENTS], [...MOMENTS]]);
    expect(good.hits).toHaveLength(3);
  });
});

describe('an event that leaves the row without a try lets the next one come', () => {
  it('because it is held: the endpoint was disabled, and is enabled again', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make((hit, nth) =>
      nth === 1 ? status(429, { 'Retry-After': '3600' })(hit, nth) : ok(hit, nth),
    );
    // Another job's event has slowed the endpoint, so that this job's first waits for its turn.
    await endpoints.submit();
    await world.quiet();
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    const pending = async () =>
      (await Promise.all(MOMENTS.map((moment) => endpoints.delivery(job.id, moment, endpoint)))).map(
        (row) => row?.status,
      );
    expect(await pending()).toEqual(['pending', 'pending', 'pending']);
    await endpoints.update(endpoint, { enabled: false });
    await endpoints.run(2 * HOUR_MS);
    expect(await pending()).toEqual(['held', 'held', 'held']);
    expect((await world.due()).filter(({ kind }) => kind === 'deliver')).toEqual([]);
  });

  it('because the first was held, while those after it are sent', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok);
    await endpoints.update(endpoint, { enabled: false });
    const job = await endpoints.submit();
    await world.quiet();
    await endpoints.update(endpoint, { enabled: true });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect((await endpoints.deliveries()).map(({ type, status: is }) => `${type} ${is}`)).toEqual(
      expect.arrayContaining(['job.created held', 'job.completed delivered']),
    );
  });

  it('because the endpoint was deleted', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(status(429, { 'Retry-After': '3600' }));
    await endpoints.submit();
    await world.quiet();
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    await endpoints.remove(endpoint);
    await endpoints.run(2 * HOUR_MS);
    for (const moment of MOMENTS) {
      expect(await endpoints.delivery(job.id, moment, endpoint)).toMatchObject({
        status: 'failed',
        reason: 'endpoint_deleted',
        attempts: [],
      });
    }
  });
});
