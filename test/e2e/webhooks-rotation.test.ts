/**
 * Secrets and keys are replaced while events are on their way: receivers that know only the old one or only the new one
 * take all of them, and after the grace the old one signs no more.
 */

import { fileURLToPath } from 'node:url';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type VerifyOptions, verifyWebhook } from '../../src/client/verify-webhook.ts';
import { startProcess } from '../support/process.ts';
import { AnswerGate, type Arrival, openReceiver, type Receiver } from '../support/receiver.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';
import { SOAK, soakOr } from '../support/soak.ts';
import { startUpstreamServer, type UpstreamServer } from '../support/upstream-server.ts';
import { WebhookAccount } from '../support/webhook-account.ts';

/** Each makes two events, and each event five deliveries that are held, and one to the process that has the key set. */
const JOBS = soakOr(50, 6);
const HELD_RECEIVERS = 5;
const DELIVERIES = JOBS * 2 * HELD_RECEIVERS;
/** Deliveries that a shard has under way at a time. */
const AT_ONCE = 3;
const PATIENCE = { timeout: soakOr(120_000, 30_000), interval: 20 };
const EVENTS = ['job.created', 'job.failed'];
const JWKS_RECEIVER = fileURLToPath(new URL('../support/jwks-receiver.ts', import.meta.url));

let upstream: UpstreamServer;
let service: TestService;
let account: WebhookAccount;
let jwksUrl: string;

beforeAll(async () => {
  upstream = await startUpstreamServer({ key: 'test-key' });
  // A job ends as soon as it was handed on.
  upstream.upstream.planAll({ submit: [{ status: 422, body: { detail: 'no such picture' } }] });
  service = await startService({ upstream: upstreamAt(upstream.url), credits: 100_000 });
  account = new WebhookAccount(service);
  ({ jwks_url: jwksUrl } = await account.call('GET', '/api/account/webhook-key'));
});
afterAll(async () => {
  await service?.close();
  await upstream.close();
});

/** Whether the delivery is believed by who has these keys. */
async function believes({ headers, body }: Arrival, keys: VerifyOptions): Promise<boolean> {
  return verifyWebhook({ headers, body }, keys).then(
    () => true,
    () => false,
  );
}

/** What a receiver verifies with: a secret, by three libraries, or a public key. */
type Known = { readonly secret: string } | { readonly publicKey: string };

/** @throws when one of the libraries does not believe it. */
async function verify(arrival: Arrival, known: Known): Promise<void> {
  const { id, body, headers } = arrival;
  expect((await verifyWebhook({ headers, body }, known)).id).toBe(id);
  if (!('secret' in known)) return;
  new StandardWebhook(known.secret).verify(body, { ...headers });
  new SvixWebhook(known.secret).verify(body, { ...headers });
}

const rotate = (path: string, grace_s: number) => account.call('POST', `${path}/rotate`, { grace_s });
const rotateEndpoint = async (id: string, grace_s: number): Promise<string> =>
  (await rotate(`/api/webhook-endpoints/${id}`, grace_s)).secret;
const rotateKey = async (grace_s: number): Promise<string> =>
  (await rotate('/api/account/webhook-key', grace_s)).public_key;
const publishedKeys = async (): Promise<string[]> => {
  const response = await fetch(jwksUrl);
  expect(response.status).toBe(200);
  const { keys } = (await response.json()) as { keys: { x: string }[] };
  return keys.map(({ x }) => `whpk_${Buffer.from(x, 'base64url').toString('base64')}`);
};

test(`${DELIVERIES} deliveries under way while the secret, the key, and the secret again are replaced`, {
  timeout: soakOr(300_000, 60_000),
}, async () => {
  const gate = new AnswerGate();
  const faults: unknown[] = [];
  /** A receiver that verifies with what it knows when an event comes, and answers when the gate lets it. */
  const open = async (known: () => Known): Promise<Receiver> => {
    const receiver = await openReceiver(async (arrival) => {
      // At once, and not when the answer goes: what it knows may change until then.
      const status = await verify(arrival, known()).then(
        () => 204,
        (fault) => {
          faults.push(fault);
          return 400;
        },
      );
      await gate.pass();
      return status;
    });
    onTestFinished(() => receiver.close());
    return receiver;
  };

  const firstKey = (await account.call('GET', '/api/account/webhook-key')).public_key as string;
  const firstOwn = await service.client.webhookSecret();
  const known: Record<'oldSecret' | 'newSecret' | 'oldKey' | 'newKey' | 'ownSecret', Known> = {
    oldSecret: { secret: '' },
    newSecret: { secret: '' },
    oldKey: { publicKey: firstKey },
    newKey: { publicKey: firstKey },
    ownSecret: { secret: firstOwn },
  };
  const receivers = {
    oldSecret: await open(() => known.oldSecret),
    newSecret: await open(() => known.newSecret),
    oldKey: await open(() => known.oldKey),
    newKey: await open(() => known.newKey),
    ownSecret: await open(() => known.ownSecret),
  };
  const jwksProcess = startProcess(process.execPath, [JWKS_RECEIVER, jwksUrl]);
  onTestFinished(() => jwksProcess.killTree());
  const port = (await jwksProcess.line(/^port \d+$/)).slice('port '.length);

  const endpoints = [
    await account.makeEndpoint(receivers.oldSecret.url, { events: EVENTS }),
    await account.makeEndpoint(receivers.newSecret.url, { events: EVENTS }),
    await account.makeEndpoint(receivers.oldKey.url, { events: EVENTS }),
    await account.makeEndpoint(receivers.newKey.url, { events: EVENTS }),
    await account.makeEndpoint(`http://127.0.0.1:${port}/hook`, { events: EVENTS }),
  ];
  const [oldSecret, newSecret] = endpoints;
  known.oldSecret = { secret: oldSecret.secret };
  known.newSecret = { secret: newSecret.secret };

  const jobs = new Set<string>();
  const submit = async () =>
    jobs.add(await account.submit({ webhook_url: receivers.ownSecret.url, webhook_events: EVENTS }));
  const sent = async () => (await account.deliveries({ status: 'delivered' })).length;
  // All have answered once: of receivers that have not, the shard tries fewer at a time.
  const share = Math.floor(DELIVERIES / 4);
  gate.let(2 * HELD_RECEIVERS);
  await submit();
  await expect.poll(sent, PATIENCE).toBe(2 * (HELD_RECEIVERS + 1));
  while (jobs.size < JOBS) await submit();
  /** All that may be under way is: what is signed from here on is signed with what is live by then. */
  const allHeld = () => expect.poll(() => gate.waiting, PATIENCE).toBe(AT_ONCE);
  const GRACE_S = 3_600;

  await allHeld();
  await rotateEndpoint(oldSecret.id, GRACE_S);
  known.newSecret = { secret: await rotateEndpoint(newSecret.id, GRACE_S) };
  const ownSecret = (await rotate('/api/account/webhook-secret', GRACE_S)).webhook_secret;
  gate.let(share);
  await expect.poll(() => gate.passed, PATIENCE).toBe(2 * HELD_RECEIVERS + share);

  await allHeld();
  const secondKey = await rotateKey(GRACE_S);
  known.newKey = { publicKey: secondKey };
  known.ownSecret = { secret: ownSecret };
  expect(await publishedKeys()).toEqual([secondKey, firstKey]);
  gate.let(share);
  await expect.poll(() => gate.passed, PATIENCE).toBe(2 * HELD_RECEIVERS + 2 * share);

  await allHeld();
  const came = Object.values(receivers).map(({ arrivals }) => arrivals.length);
  await rotateEndpoint(oldSecret.id, GRACE_S);
  known.newSecret = { secret: await rotateEndpoint(newSecret.id, GRACE_S) };
  gate.let(DELIVERIES);

  await expect.poll(sent, { ...PATIENCE, interval: 200 }).toBe(JOBS * 2 * (HELD_RECEIVERS + 1));
  expect(faults).toEqual([]);
  const deliveries = await account.deliveries();
  expect(deliveries).toHaveLength(JOBS * 2 * (HELD_RECEIVERS + 1));
  for (const delivery of deliveries) {
    expect(delivery).toMatchObject({ status: 'delivered', attempts: [{ status_code: 204, error: null }] });
    expect(delivery.attempts).toHaveLength(1);
    expect(jobs.has(delivery.job_id)).toBe(true);
  }
  const events = new Set(deliveries.map(({ event_id }) => event_id));
  expect(events.size).toBe(JOBS * 2);
  Object.values(receivers).forEach(({ arrivals }, index) => {
    expect(new Set(arrivals.map(({ id }) => id))).toEqual(events);
    expect(arrivals).toHaveLength(JOBS * 2);
    // What came behind the last change is what the receivers that never learned of any were tried with.
    expect(arrivals.length).toBeGreaterThan(came[index] ?? Number.NaN);
  });
  const last = receivers.oldSecret.arrivals.at(-1)?.headers['webhook-signature']?.split(' ') ?? [];
  expect(last.map((signature) => signature.slice(0, signature.indexOf(',')))).toEqual([
    ...['v1', 'v1', 'v1'],
    ...['v1a', 'v1a'],
  ]);
  const [, ...read] = jwksProcess.lines.map((line) => (line.startsWith('{') ? JSON.parse(line) : line));
  expect(read.map(({ scheme }) => scheme)).toEqual(Array.from({ length: JOBS * 2 }, () => 'v1a'));
  expect(new Set(read.map(({ id }) => id))).toEqual(events);
});

test('after the grace the old secret and the old key sign no more, and the key set has forgotten the old one', async () => {
  const receiver = await openReceiver(() => 204);
  onTestFinished(() => receiver.close());
  const endpoint = await account.makeEndpoint(receiver.url, { events: ['credits.low'] });
  const [oldKey] = await publishedKeys();
  if (oldKey === undefined) throw new Error('no key');
  const GRACE_S = soakOr(2, 1);
  const secret = await rotateEndpoint(endpoint.id, GRACE_S);
  const publicKey = await rotateKey(GRACE_S);
  const answeredAt = Date.now();
  expect((await publishedKeys())[0]).toBe(publicKey);

  /** Sends an example, and tells when it was signed at the soonest, and who believes it. */
  const example = async () => {
    const { id, event_id } = await account.call('POST', `/api/webhook-endpoints/${endpoint.id}/test`, {});
    await expect.poll(async () => (await account.delivery(id)).status, PATIENCE).toBe('delivered');
    const arrival = receiver.arrivals.find((one) => one.id === event_id);
    if (!arrival) throw new Error('delivered, and not here');
    expect(await believes(arrival, { secret })).toBe(true);
    expect(await believes(arrival, { publicKey })).toBe(true);
    const { attempts } = await account.delivery(id);
    return {
      over: Date.parse(attempts[0].at) >= answeredAt + GRACE_S * 1_000,
      old: [
        await believes(arrival, { secret: endpoint.secret }),
        await believes(arrival, { publicKey: oldKey }),
      ],
    };
  };
  let one = await example();
  while (!one.over) one = await example();
  expect(one.old).toEqual([false, false]);

  const keys = await publishedKeys();
  expect(keys).toContain(publicKey);
  expect(keys).not.toContain(oldKey);
  const { keys: listed } = await account.call('GET', '/api/account/webhook-key');
  expect(listed.map(({ public_key }: { public_key: string }) => public_key)).toEqual(keys);
  expect(await account.endpoint(endpoint.id)).toMatchObject({ expiring_secrets: [] });

  // No grace: the one before is over with the answer.
  const [second, secondKey] = [await rotateEndpoint(endpoint.id, 0), await rotateKey(0)];
  const { id, event_id } = await account.call('POST', `/api/webhook-endpoints/${endpoint.id}/test`, {});
  await expect.poll(async () => (await account.delivery(id)).status, PATIENCE).toBe('delivered');
  const arrival = receiver.arrivals.find((came) => came.id === event_id);
  if (!arrival) throw new Error('delivered, and not here');
  const believed = [{ secret: second }, { publicKey: secondKey }, { secret }, { publicKey }];
  expect(await Promise.all(believed.map((keysOf) => believes(arrival, keysOf)))).toEqual([
    ...[true, true],
    ...[false, false],
  ]);
  expect(await publishedKeys()).not.toContain(publicKey);
});

test.runIf(SOAK)('an eleventh secret waits until the oldest signs no more', async () => {
  const receiver = await openReceiver(() => 204);
  onTestFinished(() => receiver.close());
  const endpoint = await account.makeEndpoint(receiver.url, { events: ['credits.low'] });
  await rotateEndpoint(endpoint.id, 2);
  for (let n = 2; n < 10; n++) await rotateEndpoint(endpoint.id, 3_600);
  await expect(rotateEndpoint(endpoint.id, 3_600)).rejects.toThrow('too_many_secrets');
  await expect
    .poll(
      () =>
        rotateEndpoint(endpoint.id, 3_600).then(
          () => true,
          () => false,
        ),
      PATIENCE,
    )
    .toBe(true);
});
