import { exports } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { JOB_EVENT_TYPES, LINK_EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { Customer, tick, uniquePrompt } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { sql } from './api-faults.ts';
import { upload } from './links-api-fixtures.ts';
import { HOOK, ORIGIN, send, wrongs } from './webhooks-api-fixtures.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const LINKS = '/api/upload-links';
const customer = await Customer.create({ credits: 10_000 });

let network: InstalledUpstream;
let heard: string[];
beforeEach(() => {
  network = installUpstream();
  heard = [];
  network.receive(ORIGIN, async (request) => {
    heard.push(((await request.json()) as { type: string }).type);
    return new Response(null, { status: 204 });
  });
});

const job = (fields: Record<string, unknown> = {}) => ({
  prompt: uniquePrompt(),
  image_url: 'https://images.example.org/start.png',
  response_mode: 'polling',
  ...fields,
});

/** Resolves when nothing of the customer's is still to be delivered. */
async function quiet(whose: Customer): Promise<void> {
  for (;;) {
    const open = await sql(whose, `SELECT 1 FROM due WHERE kind = 'deliver' LIMIT 1`);
    if (open.length === 0) return;
    await tick();
  }
}

describe('webhook_events that are wrong', () => {
  const ALONE = '/webhook_events: needs a webhook_url to go to';
  const cases = (types: readonly string[]) =>
    [
      [{ webhook_events: ['job.completed'] }, [ALONE]],
      [{ webhook_url: HOOK, webhook_events: [] }, ['/webhook_events: must name at least one event type']],
      [{ webhook_url: HOOK, webhook_events: null }, ['/webhook_events: must be a list of event types']],
      [
        { webhook_url: HOOK, webhook_events: ['job.completed', 'credits.low'] },
        [`/webhook_events/1: must be one of ${types.join(', ')}`],
      ],
      [
        { webhook_url: 'http://a.example.org', webhook_events: [7] },
        [`/webhook_events/0: must be one of ${types.join(', ')}`, '/webhook_url: must be an https URL'],
      ],
      [{ webhook_events: ['x'] }, [`/webhook_events/0: must be one of ${types.join(', ')}`, ALONE]],
    ] as const;

  it.each(cases(JOB_EVENT_TYPES))('of a job: %j', async (fields, details) => {
    const answer = await send(customer, 'POST', GENERATE, job(fields));
    expect([answer.status, wrongs(answer)]).toEqual([400, details]);
  });

  it.each(cases(LINK_EVENT_TYPES))('of an upload link: %j', async (fields, details) => {
    const answer = await send(customer, 'POST', LINKS, fields);
    expect([answer.status, wrongs(answer)]).toEqual([400, details]);
  });
});

describe('webhook_events', () => {
  it('of a job are what its address hears of, in the order in which it happens', async () => {
    const whose = await Customer.create();
    const fields = job({ webhook_url: HOOK, webhook_events: ['job.completed', 'job.created'] });
    const { job_id } = (await send(whose, 'POST', GENERATE, fields)).body;
    await network.upstream.saw('submit', fields.prompt);
    await network.upstream.callBack(fields.prompt, 'ok', (request) => exports.default.fetch(request));
    await whose.ended(job_id);
    await quiet(whose);
    expect(heard).toEqual(['job.created', 'job.completed']);
  });

  it('of an upload link are what its address hears of, and are told with the link', async () => {
    const whose = await Customer.create();
    const prompt = uniquePrompt();
    const made = await send(whose, 'POST', LINKS, {
      webhook_url: HOOK,
      webhook_events: ['job.failed', 'job.created', 'job.failed'],
      job: { prompt },
    });
    expect([made.status, made.body.webhook_events]).toEqual([201, ['job.created', 'job.failed']]);
    await upload(made.body.url);
    const link = (await send(whose, 'GET', `${LINKS}/${made.body.upload_id}`)).body;
    expect(link.webhook_events).toEqual(['job.created', 'job.failed']);
    await network.upstream.saw('submit', prompt);
    await network.upstream.callBack(prompt, 'ok', (request) => exports.default.fetch(request));
    await whose.ended(link.job_id);
    await quiet(whose);
    expect(heard).toEqual(['job.created']);
  });

  it('are part of what an Idempotency-Key stands for, the usual ones named or not', async () => {
    const whose = await Customer.create();
    for (const [path, fields, others] of [
      [GENERATE, job({ webhook_url: HOOK }), ['job.canceled', 'job.failed', 'job.completed']],
      [LINKS, { webhook_url: HOOK }, ['job.canceled', 'job.failed', 'job.completed', 'upload.completed']],
    ] as const) {
      const headers = {
        'X-API-Key': whose.key,
        'Content-Type': 'application/json',
        'Idempotency-Key': `events of ${path}`,
      };
      const post = (body: object) =>
        exports.default.fetch(
          new Request(`https://firstframe.test${path}`, {
            method: 'POST',
            headers,
            body: JSON.stringify(body),
          }),
        );
      const first = await post(fields);
      const named = await post({ ...fields, webhook_events: others });
      const fewer = await post({ ...fields, webhook_events: ['job.failed'] });
      expect([first.ok, named.status, fewer.status], path).toEqual([true, first.status, 422]);
      expect(named.headers.get('Idempotent-Replayed')).toBe('true');
    }
  });
});
