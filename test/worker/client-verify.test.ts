/** The published verifier in workerd. */

import { describe, expect, it } from 'vitest';
import { verifyWebhook } from '../../src/client/bundle/webhooks.js';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair } from '../../src/worker/webhooks/sign-v1a.ts';
import { formsOf, optionsOf, outcomeOf, VECTORS } from '../support/webhook-vectors.ts';

describe('in workerd', () => {
  it.each(VECTORS)('$name', async (vector) => {
    for (const [form, webhook] of formsOf(vector)) {
      const outcome = await outcomeOf(() => verifyWebhook(webhook, optionsOf(vector)));
      expect(outcome, form).toEqual(vector.expect);
    }
  });

  it('reads a stream no further than it may', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1_000));
        },
      },
      { highWaterMark: 0 },
    );
    const timestamp = Math.floor(Date.now() / 1_000);
    const [secret, { secret: key, publicKey }] = [newWebhookSecret(), await newSigningKeyPair()];
    const headers = { ...(await webhookHeaders([secret, key], { id: 'evt_1', timestamp, body: '{}' })) };
    const request = new Request('https://receiver.test', { method: 'POST', headers, body });
    const error = await verifyWebhook(request, { secret, publicKey, maxBodyBytes: 2_500 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'body_too_large', status: 413 });
    expect(pulled).toBeLessThanOrEqual(4);
  });
});
