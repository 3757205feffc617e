import { beforeEach, describe, expect, it } from 'vitest';
import { homeShard, mintId } from '../../src/worker/ids.ts';
import { DELIVERY_STATUSES } from '../../src/worker/webhooks/contract.ts';
import { deliveryIdOf } from '../../src/worker/webhooks/ids.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { admin, Customer, type Json, tick } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { ask, problem, stable, untouchable, workerWith } from './api-door.ts';
import { failing, sql } from './api-faults.ts';
import { config } from './media-fixtures.ts';
import {
  DELIVERIES,
  ENDPOINTS,
  HOOK,
  madeEndpoint,
  ORIGIN,
  request,
  send,
  wrongs,
} from './webhooks-api-fixtures.ts';

const NOT_FOUND = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');
const DAY_MS = 86_400_000;

let network: InstalledUpstream;
let status: number;
beforeEach(() => {
  network = installUpstream();
  status = 200;
  network.receive(ORIGIN, () => new Response(status === 200 ? 'thanks' : 'not now', { status }));
});

/** The list with these filters, page by page. */
async function pages(customer: Customer, filter: Record<string, string> = {}): Promise<Json[][]> {
  const all: Json[][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ ...filter, ...(cursor === '' ? {} : { cursor }) });
    const answer = await send(customer, 'GET', `${DELIVERIES}?${query}`);
    expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([200, 'no-store']);
    all.push(answer.body.data);
    cursor = answer.body.next_cursor;
  }
  return all;
}

const listed = async (customer: Customer, filter: Record<string, string> = {}): Promise<Json[]> =>
  (await pages(customer, filter)).flat();

/** The deliveries once none of the customer's is pending any more. */
async function settled(customer: Customer): Promise<Json[]> {
  for (;;) {
    const all = await listed(customer);
    if (all.every((delivery) => delivery.status !== 'pending')) return all;
    await tick();
  }
}

/** A customer with an endpoint that hears of new jobs, and jobs in these regions. */
async function withJobs(regions: readonly string[], fields: Record<string, unknown> = {}) {
  const customer = await Customer.create();
  const endpoint = await madeEndpoint(customer, { events: ['job.created'], ...fields });
  const jobs: string[] = [];
  for (const region of regions) jobs.push(await customer.start({}, { 'X-Firstframe-Region': region }));
  return { customer, endpoint, jobs };
}

describe('a delivery', () => {
  it('is in the list with all that came of it, and by itself', async () => {
    const { customer, endpoint, jobs } = await withJobs(['weur']);
    const [delivery, ...more] = await settled(customer);
    expect(more).toEqual([]);
    const body = deliveryIdOf(String(jobs[0]), 'c', endpoint.id.slice(3));
    expect(delivery).toEqual({
      id: body,
      event: 'job.created',
      event_id: `evt_${String(jobs[0]).slice(4)}c`,
      endpoint_id: endpoint.id,
      url: HOOK,
      job_id: jobs[0],
      status: 'delivered',
      created_at: expect.stringMatching(/Z$/),
      attempts: [
        {
          at: expect.stringMatching(/Z$/),
          status_code: 200,
          duration_ms: expect.any(Number),
          response: 'thanks',
          error: null,
        },
      ],
      next_attempt_at: null,
    });
    const single = await send(customer, 'GET', `${DELIVERIES}/${delivery.id}`);
    expect([single.status, single.body]).toEqual([200, delivery]);
    expect(single.headers.get('Cache-Control')).toBe('no-store');
  });

  it('that failed says when it is tried again, and one to a webhook_url has no endpoint', async () => {
    const customer = await Customer.create();
    status = 503;
    const fields = { webhook_url: HOOK, webhook_events: ['job.created'] };
    const jobId = await customer.start(fields);
    for (;;) {
      const [delivery] = await listed(customer);
      if (delivery?.attempts.length > 0) {
        expect(delivery).toMatchObject({
          endpoint_id: null,
          job_id: jobId,
          status: 'pending',
          attempts: [{ status_code: 503, response: 'not now', error: null }],
          next_attempt_at: expect.stringMatching(/Z$/),
        });
        return;
      }
      await tick();
    }
  });
});

describe('the list', () => {
  it('has the deliveries of all regions once, the newest first, in pages', async () => {
    const regions = ['weur', 'enam', 'weur', 'enam', 'enam'];
    const { customer, jobs } = await withJobs(regions);
    const newest = jobs.toReversed();
    for (const [limit, sizes] of [
      [1, [1, 1, 1, 1, 1]],
      [2, [2, 2, 1]],
      [5, [5]],
      [100, [5]],
    ] as const) {
      const all = await pages(customer, { limit: String(limit) });
      expect(all.map(({ length }) => length)).toEqual(sizes);
      // Jobs of one millisecond are in the order of their regions' names.
      const told = all.flat().map((delivery) => delivery.job_id);
      expect(told.map((id) => id.slice(7, 16))).toEqual(newest.map((id) => id.slice(7, 16)));
      expect(told.toSorted()).toEqual(jobs.toSorted());
    }
  });

  it('is narrowed by job, endpoint, status and event', async () => {
    const { customer, endpoint, jobs } = await withJobs(['weur', 'enam']);
    const other = await madeEndpoint(customer, { enabled: false });
    const third = await customer.start();
    await settled(customer);
    const about = async (filter: Record<string, string>) =>
      (await listed(customer, filter))
        .map(
          (delivery) =>
            `${delivery.job_id} ${delivery.endpoint_id === endpoint.id ? 1 : 2} ${delivery.status}`,
        )
        .sort();
    const all = [...jobs, third].map((id) => `${id} 1 delivered`).sort();
    expect(await about({ endpoint_id: endpoint.id })).toEqual(all);
    expect(await about({ status: 'delivered' })).toEqual(all);
    expect(await about({ endpoint_id: endpoint.id, status: 'held' })).toEqual([]);
    expect(await about({ job_id: String(jobs[1]) })).toEqual([`${jobs[1]} 1 delivered`]);
    const held = await about({ endpoint_id: other.id, event: 'job.created' });
    expect(held).toEqual([`${third} 2 held`]);
    expect(await about({ event: 'job.canceled' })).toEqual([]);
    expect(await about({ job_id: third, status: 'held', event: 'job.created' })).toEqual(held);
  });

  it('is empty for a new account, and asks no shard of another', async () => {
    const customer = await Customer.create();
    expect((await send(customer, 'GET', DELIVERIES)).body).toEqual({ data: [], next_cursor: null });
  });

  it.each<[string, string, string]>([
    ['limit', '0', 'must be 1 to 100'],
    ['limit', '101', 'must be 1 to 100'],
    ['limit', 'all', 'must be 1 to 100'],
    ['status', 'done', `must be one of ${DELIVERY_STATUSES.join(', ')}`],
    ['event', 'job.done', `must be one of ${EVENT_TYPES.join(', ')}`],
    ['endpoint_id', 'ep_1', 'is not the id of a webhook endpoint'],
    ['job_id', 'job_1', 'is not a job of this account'],
    ['cursor', 'AAAA', 'is not a cursor of this list; take next_cursor as it was answered'],
  ])('has no %s %j', async (name, value, detail) => {
    const customer = await Customer.create();
    const answer = await send(customer, 'GET', `${DELIVERIES}?${name}=${value}`);
    expect([answer.status, wrongs(answer)]).toEqual([400, [`?${name}: ${detail}`]]);
    const twice = await send(customer, 'GET', `${DELIVERIES}?${name}=1&${name}=1`);
    expect([twice.status, wrongs(twice)]).toEqual([400, [`?${name}: must not be given twice`]]);
  });

  it('tells every wrong filter at once, and nothing of another account', async () => {
    const { customer: other, jobs } = await withJobs(['weur', 'weur']);
    const customer = await Customer.create();
    const { next_cursor } = (await send(other, 'GET', `${DELIVERIES}?limit=1`)).body;
    const both = await send(customer, 'GET', `${DELIVERIES}?job_id=${jobs[0]}&endpoint_id=x`);
    expect([both.status, wrongs(both)]).toEqual([
      400,
      ['?endpoint_id: is not the id of a webhook endpoint', '?job_id: is not a job of this account'],
    ]);
    const foreign = await send(customer, 'GET', `${DELIVERIES}?cursor=${next_cursor}`);
    expect(wrongs(foreign)).toEqual([
      '?cursor: is not a cursor of this list; take next_cursor as it was answered',
    ]);
    const many = await send(customer, 'GET', `${DELIVERIES}?limit=0&status=x&event=y`);
    expect(wrongs(many).map((line) => line.split(':')[0])).toEqual(['?event', '?limit', '?status']);
  });
});

describe('a resend', () => {
  const resend = (customer: Customer, id: string) => send(customer, 'POST', `${DELIVERIES}/${id}/resend`);

  it('sends the event once more, under the id that it had', async () => {
    const { customer } = await withJobs(['enam']);
    const [first] = await settled(customer);
    const answer = await resend(customer, first.id);
    expect([answer.status, answer.body.id, answer.body.event_id]).toEqual([202, first.id, first.event_id]);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    const [again] = await settled(customer);
    expect(again.attempts).toEqual([
      first.attempts[0],
      { ...first.attempts[0], at: expect.any(String), duration_ms: expect.any(Number), manual: true },
    ]);
  });

  it('of what was held is refused until the endpoint is enabled, and for good once it was deleted', async () => {
    const { customer, endpoint } = await withJobs(['weur'], { enabled: false });
    const [held] = await listed(customer);
    expect([held.status, held.attempts, held.next_attempt_at]).toEqual(['held', [], null]);
    const path = `${ENDPOINTS}/${endpoint.id}`;
    expect(stable(await resend(customer, held.id))).toEqual(
      problem(
        409,
        'endpoint_disabled',
        'The endpoint is disabled',
        'This webhook endpoint is disabled, so nothing is sent to it. Enable it first.',
      ),
    );
    await send(customer, 'PATCH', path, { enabled: true });
    expect((await resend(customer, held.id)).status).toBe(202);
    expect((await settled(customer))[0]).toMatchObject({ status: 'delivered', attempts: [{ manual: true }] });
    await send(customer, 'DELETE', path);
    expect(stable(await resend(customer, held.id))).toEqual(
      problem(
        409,
        'endpoint_deleted',
        'The endpoint was deleted',
        'The webhook endpoint of this delivery was deleted, so there is nowhere to send it.',
      ),
    );
  });

  it('is what a recovery does with all that was held', async () => {
    const { customer, endpoint } = await withJobs(['weur', 'enam', 'weur'], { enabled: false });
    expect((await listed(customer)).map((delivery) => delivery.status)).toEqual(['held', 'held', 'held']);
    const path = `${ENDPOINTS}/${endpoint.id}`;
    await send(customer, 'PATCH', path, { enabled: true });
    const since = new Date(Date.now() - DAY_MS).toISOString();
    expect((await send(customer, 'POST', `${path}/recover`, { since })).status).toBe(202);
    for (;;) {
      const all = await listed(customer, { status: 'delivered' });
      if (all.length === 3) break;
      await tick();
    }
  });

  it('is 410 when what the event was about is forgotten', async () => {
    const { customer, jobs } = await withJobs(['weur']);
    const [delivery] = await settled(customer);
    await network.upstream.saw('submit', await promptOf(customer));
    await sql(customer, 'UPDATE jobs SET expired_at = 1 WHERE id = ?', String(jobs[0]));
    const answer = await resend(customer, delivery.id);
    expect([answer.status, answer.body.code]).toEqual([410, 'event_expired']);
  });

  /** The prompt of the customer's one job. */
  async function promptOf(customer: Customer): Promise<string> {
    const [row] = await sql(customer, `SELECT json_extract(request, '$.input.prompt') AS prompt FROM jobs`);
    return String(row?.prompt);
  }
});

describe('who may', () => {
  it('nobody looks at or sends another account’s deliveries, and a guessed id touches no object', async () => {
    const { customer } = await withJobs(['weur']);
    const [delivery] = await settled(customer);
    const stranger = await Customer.create();
    const shard = homeShard(stranger.account);
    const minted = mintId(config.SIGNING_SECRETS, 'job', shard, Date.now());
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    const ids = [
      delivery.id,
      'dlv_1',
      `dlv_${'0'.repeat(31)}zw`,
      `${deliveryIdOf(minted, 'z', 'w')}0`,
      minted,
    ];
    for (const id of ids) {
      for (const [method, below] of [
        ['GET', ''],
        ['POST', '/resend'],
      ] as const) {
        const answer = await door(`${DELIVERIES}/${id}${below}`, request(stranger, method));
        expect(stable(answer), id).toEqual(NOT_FOUND);
      }
    }
    expect(touched).toEqual([]);
    // One that could be is looked for, and is not there.
    for (const [method, below] of [
      ['GET', ''],
      ['POST', '/resend'],
    ] as const) {
      const answer = await send(stranger, method, `${DELIVERIES}/${deliveryIdOf(minted, 'z', 'w')}${below}`);
      expect(stable(answer)).toEqual(NOT_FOUND);
    }
  });

  it('a revoked key is 401, and a shard that is away 503', async () => {
    const { customer, jobs } = await withJobs(['weur']);
    const [delivery] = await settled(customer);
    const away = workerWith({ SHARDS: failing('SHARDS', 'deliveries', 'delivery', 'resend') });
    const routes = [
      ['GET', DELIVERIES],
      ['GET', `${DELIVERIES}?job_id=${jobs[0]}`],
      ['GET', `${DELIVERIES}/${delivery.id}`],
      ['POST', `${DELIVERIES}/${delivery.id}/resend`],
    ] as const;
    for (const [method, path] of routes) {
      const answer = await away(path, request(customer, method));
      expect([answer.status, answer.body.code], path).toEqual([503, 'jobs_unavailable']);
      expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    }
    await admin('DELETE', `/accounts/${customer.account}/keys/${customer.keyId}`);
    for (const [method, path] of routes) {
      expect((await send(customer, method, path)).body.code, path).toBe('unauthorized');
      expect((await ask(path, { method })).status).toBe(401);
    }
  });
});
