/** The demo's webhook receiver: what it believes, and what it says about the rest. */

import { Webhook } from 'standardwebhooks';
import { afterEach, expect, test } from 'vitest';
import { type Receiver, startReceiver } from '../../src/cli/animate/receiver.ts';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(24, 8).toString('base64')}`;

let receiver: Receiver;
afterEach(() => receiver.close());

function event(jobId: string): string {
  return JSON.stringify({
    type: 'job.failed',
    timestamp: '2026-11-22T12:00:00.000Z',
    data: { job_id: jobId, status: 'failed', credits_charged: 0, cost_usd: 0 },
  });
}

async function deliver(body: string, secret = SECRET): Promise<number> {
  const at = new Date();
  const response = await fetch(receiver.url, {
    method: 'POST',
    body,
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('msg_1', at, body),
    },
  });
  return response.status;
}

test('a signed event is taken, before it is asked for and after', async () => {
  receiver = await startReceiver(SECRET);
  expect(await deliver(event('job_1'))).toBe(204);
  expect((await receiver.event('job_1', 1_000)).event.data.job_id).toBe('job_1');
  const coming = receiver.event('job_2', 60_000);
  expect(await deliver(event('job_2'))).toBe(204);
  expect((await coming).event.type).toBe('job.failed');
});

test('a repeated event keeps its first arrival', async () => {
  receiver = await startReceiver(SECRET);
  await deliver(event('job_1'));
  const first = await receiver.event('job_1', 1_000);
  expect(await deliver(event('job_1'))).toBe(204);
  expect(await receiver.event('job_1', 1_000)).toBe(first);
});

test('a wrong signature, an unsigned body and a strange event are refused, and reported when none is valid', async () => {
  receiver = await startReceiver(SECRET);
  expect(await deliver(event('job_1'), OTHER)).toBe(400);
  expect(await deliver('{"type":"job.completed"}')).toBe(400);
  expect((await fetch(receiver.url, { method: 'POST', body: event('job_1') })).status).toBe(400);
  await expect(receiver.event('job_1', 1)).rejects.toThrow(
    /No valid webhook came.*Refused: No matching signature found; unreadable: .*; Missing required headers/s,
  );
});

test('a body without end is cut off', async () => {
  receiver = await startReceiver(SECRET);
  expect(await deliver('x'.repeat(2_000_000))).toBe(413);
});

test('Ctrl-C ends the wait', async () => {
  receiver = await startReceiver(SECRET);
  const stopping = new AbortController();
  const waiting = receiver.event('job_1', 60_000, stopping.signal);
  stopping.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  await expect(receiver.event('job_1', 60_000, stopping.signal)).rejects.toThrow('stopped');
});
