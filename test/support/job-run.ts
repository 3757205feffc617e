/** One job from submit to the end of its webhook, whatever happens on the way: the world around it does not give up. */

import { exports } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { Customer, type Json, tick, uniquePrompt } from './customer.ts';
import { type Fate, type Hop, installHops } from './hops.ts';
import { installUpstream } from './install-upstream.ts';
import { cron, installClock } from './time.ts';

const RECEIVER = 'https://receiver.example.org';
const MINUTE_MS = 60_000;
/** Cron runs before a job that has not ended counts as stuck: an hour's deadline, and some. */
const MAX_RUNS = 90;
/** Looks at the state between two cron runs. Work that goes by itself needs no cron; waiting for it costs nothing. */
const LOOKS = 25;

export interface JobRun {
  readonly status: Json;
  readonly credits: { available: number; held: number; captured: number };
  /** Ids of the events that arrived, each verified; one entry for each arrival. */
  readonly events: { id: string; type: string }[];
  /** Requests that the upstream took, and would bill. */
  readonly billed: number;
  /** Jobs that the customer got for its one Idempotency-Key. */
  readonly jobs: number;
  readonly hops: readonly Hop[];
}

export interface JobRunOptions {
  /** Whether the upstream calls back. Else polls find out. */
  readonly callback: boolean;
  readonly fate: (hop: Hop, index: number) => Fate;
}

/** Runs the job, with credits for exactly three like it. */
export async function runJob({ callback, fate }: JobRunOptions): Promise<JobRun> {
  const clock = installClock();
  const { upstream, receive } = installUpstream();
  const customer = await Customer.create({ credits: 87 });
  const secret: Json = await (await customer.get('/api/account/webhook-secret')).json();
  const verifier = new Webhook(secret.webhook_secret);
  const events: JobRun['events'] = [];
  receive(RECEIVER, async (request) => {
    const body = verifier.verify(await request.text(), Object.fromEntries(request.headers)) as Json;
    events.push({ id: request.headers.get('webhook-id') ?? '', type: body.type });
    return new Response('thanks');
  });
  const hops = installHops();
  hops.fate = fate;

  const prompt = uniquePrompt();
  const ids = new Set<string>();
  let jobId = '';
  for (let tries = 0; jobId === ''; tries++) {
    if (tries > MAX_RUNS) throw new Error('the submit is never taken');
    const answer = await customer
      .submit({ prompt, webhook_url: `${RECEIVER}/hook` }, { 'Idempotency-Key': prompt })
      .catch(() => null);
    if (answer?.status === 202) jobId = ((await answer.json()) as Json).job_id;
    else clock.advance(MINUTE_MS);
  }
  ids.add(jobId);

  let status: Json = null;
  for (let runs = 0; ; runs++) {
    if (runs > MAX_RUNS) throw new Error(`stuck: ${JSON.stringify(status)}`);
    for (let look = 0; look < LOOKS; look++) {
      await tick();
      const looked = await customer.get(`/api/fal/status/${jobId}`).catch(() => null);
      if (looked?.status === 200) status = await looked.json();
      const ended = status !== null && status.status !== 'in_progress';
      if (ended && events.length > 0) {
        hops.fate = () => 'pass';
        const again = await customer.submit(
          { prompt, webhook_url: `${RECEIVER}/hook` },
          { 'Idempotency-Key': prompt },
        );
        ids.add(((await again.json()) as Json).job_id);
        return {
          status,
          credits: await customer.credits(),
          events,
          billed: upstream.accepted(prompt),
          jobs: ids.size,
          hops: hops.log,
        };
      }
      if (callback && upstream.accepted(prompt) > 0) {
        const deliver = (request: Request) => exports.default.fetch(request);
        await upstream.callBack(prompt, 'ok', deliver).catch(() => null);
      }
    }
    clock.advance(MINUTE_MS);
    await cron();
  }
}
