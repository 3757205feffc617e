/** A receiver that is a Worker, with the keys of its sender at an address. */

import { readFile } from 'node:fs/promises';
import { convertV4MiniflareOptions, Miniflare, Response as MiniflareResponse } from 'miniflare';
import { describe, expect, test } from 'vitest';
import { BUNDLE_FILE } from '../../src/client/build.ts';
import { webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair } from '../../src/worker/webhooks/sign-v1a.ts';

const RECEIVER = `
  import { verifyWebhook, WebhookVerificationError } from './webhooks.js';
  export default {
    async fetch(request) {
      await fetch('https://test.example.com/arrived');
      try {
        const event = await verifyWebhook(request, { jwks: 'https://video.example.com/jwks.json' });
        return Response.json({ id: event.id, type: event.type });
      } catch (thrown) {
        if (!(thrown instanceof WebhookVerificationError)) throw thrown;
        return Response.json({ code: thrown.code }, { status: thrown.status });
      }
    },
  };`;

/** That come together. */
const DELIVERIES = 6;
const BODY = '{"type":"job.completed"}';

// Before the second date a promise that another request waits for went on in that request's name.
describe.each(['2024-01-01', '2026-10-01'])('a Worker of %s', (compatibilityDate) => {
  test('fetches the keys once for requests that come together', async () => {
    const [pair, stranger] = [await newSigningKeyPair(), await newSigningKeyPair()];
    const asked: string[] = [];
    let arrived = 0;
    const everybodyIsHere = Promise.withResolvers<void>();
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        compatibilityDate,
        cf: false,
        telemetry: { enabled: false },
        modules: [
          { type: 'ESModule', path: 'receiver.js', contents: RECEIVER },
          { type: 'ESModule', path: 'webhooks.js', contents: await readFile(BUNDLE_FILE, 'utf8') },
        ],
        outboundService: async (request: { url: string }) => {
          if (request.url.endsWith('/arrived')) {
            arrived += 1;
            if (arrived === DELIVERIES + 1) everybodyIsHere.resolve();
            return new MiniflareResponse();
          }
          asked.push(request.url);
          await everybodyIsHere.promise;
          const x = Buffer.from(pair.publicKey.slice(5), 'base64').toString('base64url');
          return MiniflareResponse.json({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] });
        },
      }),
    );
    try {
      const url = await miniflare.ready;
      const send = async (secret: string, id: string) => {
        const message = { id, timestamp: Math.floor(Date.now() / 1_000), body: BODY };
        const headers = { ...(await webhookHeaders([secret], message)) };
        const response = await fetch(url, { method: 'POST', headers, body: BODY });
        return [response.status, await response.json()];
      };
      const ids = Array.from({ length: DELIVERIES }, (_, n) => `evt_${n}`);
      const foreign = send(stranger.secret, 'evt_foreign');
      const answers = await Promise.all(ids.map((id) => send(pair.secret, id)));
      expect(answers).toEqual(ids.map((id) => [200, { id, type: 'job.completed' }]));
      expect(await foreign).toEqual([400, { code: 'no_match' }]);
      expect(asked).toEqual(['https://video.example.com/jwks.json']);
    } finally {
      await miniflare.dispose();
    }
  });
});
