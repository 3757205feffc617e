/**
 * `npm run bench:webhooks [-- --seconds 60 --rate 4 --jobs 150]`: how soon after a job's end its event is with a healthy
 * endpoint, alone and beside endpoints that hang; and how many deliveries a shard makes a second. The accounts are taken in
 * turn within one run, so that what the machine does meets all of them, and each has a shard of its own.
 */

import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { AnswerGate, openReceiver, type Receiver } from '../support/receiver.ts';
import { startService, upstreamAt } from '../support/service.ts';
import { startUpstreamServer } from '../support/upstream-server.ts';
import { WebhookAccount } from '../support/webhook-account.ts';
import { quantile } from './load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '4' },
    jobs: { type: 'string', default: '150' },
  },
});
const seconds = Number(values.seconds);
/** Job ends a second, in each account. */
const rate = Number(values.rate);
const jobs = Number(values.jobs);

const SECOND_MS = 1_000;
/** The only event that is listened to: nothing earlier of the same job stands before it. */
const EVENTS = { events: ['job.failed'] };
/** Endpoints that hang beside the healthy one, and whether they have answered before. */
const COMPANY = [
  { name: 'alone', hung: 0, answered: false },
  { name: 'beside 1 that hangs', hung: 1, answered: false },
  { name: 'beside 5 that hang', hung: 5, answered: false },
  { name: 'beside 1 that begins to hang', hung: 1, answered: true },
  { name: 'beside 5 that begin to hang', hung: 5, answered: true },
];
/** Until what was sent last has come, or there is something wrong. */
const PATIENCE_MS = 60_000;
/** Endpoints, and how long each takes to answer, in ms. */
const CROWDS = [
  { endpoints: 1, answerMs: 0 },
  { endpoints: 3, answerMs: 0 },
  { endpoints: 3, answerMs: 100 },
];

const opened: Receiver[] = [];
const open: typeof openReceiver = async (reply) => {
  const receiver = await openReceiver(reply);
  opened.push(receiver);
  return receiver;
};

const upstream = await startUpstreamServer({ key: 'test-key' });
// A job ends as soon as it was handed on.
upstream.upstream.planAll({ submit: [{ status: 422, body: { detail: 'no such picture' } }] });
const service = await startService({ upstream: upstreamAt(upstream.url), credits: 0 });

/** An account whose jobs all end. */
async function newAccount(): Promise<WebhookAccount> {
  const { apiKey } = await service.account({ credits: 10_000_000 });
  return new WebhookAccount({ url: service.url, apiKey });
}

/** @throws {Error} when it does not come true. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(5);
  }
}

/** An account with a healthy endpoint, and the times that its events took, in ms. */
async function besideHung({ name, hung, answered }: (typeof COMPANY)[number]) {
  const account = await newAccount();
  const latencies: number[] = [];
  const healthy = await open(({ body }) => {
    latencies.push(Date.now() - Date.parse(JSON.parse(body).timestamp));
    return 204;
  });
  await account.makeEndpoint(healthy.url, EVENTS);
  let hangs = false;
  const hanging: Receiver[] = [];
  while (hanging.length < hung) hanging.push(await open(() => (hangs ? undefined : 204)));
  const addHanging = async () => {
    for (const { url } of hanging) await account.makeEndpoint(url, EVENTS);
  };
  if (answered) await addHanging();
  // What is loaded or made at the first use is none of it.
  await account.submit();
  await until(
    () => [healthy, ...(answered ? hanging : [])].every(({ arrivals }) => arrivals.length === 1),
    'first',
  );
  hangs = true;
  if (!answered) await addHanging();
  latencies.length = 0;
  return { name, account, latencies, hanging };
}

async function measureLatency(): Promise<void> {
  const cases = await Promise.all(COMPANY.map(besideHung));
  const gap = SECOND_MS / rate / cases.length;
  const count = Math.round(seconds * rate);
  const begin = performance.now();
  for (let n = 0; n < count * cases.length; n++) {
    await sleep(Math.max(0, begin + n * gap - performance.now()));
    await cases[n % cases.length]?.account.submit();
  }
  await until(() => cases.every(({ latencies }) => latencies.length === count), 'every event');
  const table = new Table({
    head: [
      'healthy endpoint',
      'events',
      'p50 ms',
      'p95 ms',
      'max ms',
      'p50 ratio',
      'p95 ratio',
      'hung tries',
    ],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const quantiles = cases.map(({ latencies }) => {
    const slice = { requests: count, seconds, latencies: Float64Array.from(latencies).sort() };
    return [quantile(slice, 0.5), quantile(slice, 0.95), quantile(slice, 1)] as const;
  });
  const [alone] = quantiles;
  if (!alone) throw new Error('nothing was measured');
  cases.forEach(({ name, hanging }, index) => {
    const [p50, p95, max] = quantiles[index] ?? alone;
    table.push([
      name,
      count,
      ...[p50, p95, max].map((ms) => ms.toFixed(0)),
      ...[p50 / alone[0], p95 / alone[1]].map((ratio) => ratio.toFixed(2)),
      hanging.reduce((sum, { arrivals }) => sum + arrivals.length, 0),
    ]);
  });
  console.log(
    `\nfrom a job's end to the arrival of its event; ${rate} a second in each account, ${seconds} s`,
  );
  console.log(table.toString());
}

/** Deliveries a second, from the moment that the receivers answer to the arrival of the last. */
async function throughput({ endpoints, answerMs }: (typeof CROWDS)[number]): Promise<number> {
  const account = await newAccount();
  const before = upstream.upstream.count('submit');
  const gate = new AnswerGate();
  const receivers: Receiver[] = [];
  while (receivers.length < endpoints) {
    const receiver = await open(async () => {
      await gate.pass();
      if (answerMs > 0) await sleep(answerMs);
      return 204;
    });
    receivers.push(receiver);
    await account.makeEndpoint(receiver.url, EVENTS);
  }
  const submits = Array.from({ length: jobs }, (_, n) => n);
  const lane = async () => {
    while (submits.pop() !== undefined) await account.submit();
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const came = () => receivers.reduce((sum, { arrivals }) => sum + arrivals.length, 0);
  // Jobs end behind their submits.
  await until(() => upstream.upstream.count('submit') - before >= jobs, 'the end of each job');
  const held = came();
  const begin = performance.now();
  gate.let(Number.MAX_SAFE_INTEGER);
  await until(() => came() === jobs * endpoints, 'the last delivery');
  return (came() - held) / ((performance.now() - begin) / SECOND_MS);
}

async function measureThroughput(): Promise<void> {
  const table = new Table({
    head: ['endpoints', 'answer after ms', 'deliveries', 'deliveries/s'],
    colAligns: ['right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const crowd of CROWDS) {
    const perSecond = await throughput(crowd);
    table.push([crowd.endpoints, crowd.answerMs, jobs * crowd.endpoints, perSecond.toFixed(0)]);
  }
  console.log(`\none shard, ${jobs} jobs that have ended`);
  console.log(table.toString());
}

try {
  const load = loadavg().map((n) => n.toFixed(2));
  console.log(`load of the machine before: ${load.join(' ')}`);
  await measureLatency();
  await measureThroughput();
} finally {
  await Promise.all(opened.map((receiver) => receiver.close()));
  await service.close();
  await upstream.close();
}
