/** What the Worker signs, in the runtime where it signs it, as the libraries that receivers have judge it. */

import { validateWebhook } from 'replicate';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { verifyWebhook } from '../../src/client/bundle/webhooks.js';
import { toBase64Url } from '../../src/worker/bytes.ts';
import { newWebhookSecret, webhookHeaders } from '../../src/worker/webhooks/sign.ts';
import {
  newSigningKeyPair,
  publicKeyBytes,
  type SigningKeyPair,
} from '../../src/worker/webhooks/sign-v1a.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { soakOr } from '../support/soak.ts';

const DELIVERIES = soakOr(2_000, 200);

/** A delivery, and the keys that its receiver may have. */
interface Sent {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly secret: string;
  readonly pair: SigningKeyPair;
}

/** Every judge by name: whether it believes what came. */
const JUDGES: Readonly<Record<string, (sent: Sent) => Promise<boolean>>> = {
  standardwebhooks: async ({ headers, body, secret }) =>
    believes(() => new StandardWebhook(secret).verify(body, headers)),
  svix: async ({ headers, body, secret }) => believes(() => new SvixWebhook(secret).verify(body, headers)),
  replicate: async ({ headers, body, secret }) =>
    believes(async () => {
      const request = new Request('https://receiver.test', { method: 'POST', headers, body });
      if (!(await validateWebhook(request, secret))) throw new TypeError('not valid');
    }),
  'ours by v1': async ({ headers, body, secret }) =>
    believes(() => verifyWebhook({ headers, body }, { secret })),
  'ours by v1a': async ({ headers, body, pair }) =>
    believes(() => verifyWebhook({ headers, body }, { publicKey: pair.publicKey })),
  'ours by a key set': async ({ headers, body, pair }) => {
    const x = toBase64Url(publicKeyBytes(pair.publicKey));
    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', x }] };
    const request = new Request('https://receiver.test', { method: 'POST', headers, body });
    return believes(() => verifyWebhook(request, { jwks }));
  },
};

async function believes(verify: () => unknown): Promise<boolean> {
  try {
    await verify();
    return true;
  } catch {
    return false;
  }
}

const TEXTS = [
  'Waves roll in',
  'Füchse 🦊 im Schnee',
  '北京的早晨',
  '"quoted" \\ back',
  'v1,x v1a,y 1.2.3',
  '',
];

/** A delivery unlike the others: alone, or while a secret, a key or both are being replaced. */
async function send(n: number): Promise<Sent> {
  const [secret, former] = [newWebhookSecret(), newWebhookSecret()];
  const [pair, before] = [await newSigningKeyPair(), await newSigningKeyPair()];
  const live = [secret, ...(n % 2 ? [former] : []), pair.secret, ...(n % 3 ? [before.secret] : [])];
  const body = JSON.stringify({
    type: EVENT_TYPES[n % EVENT_TYPES.length],
    timestamp: new Date(1_790_000_000_000 + n * 1_001).toISOString(),
    data: { job_id: `job_${n}`, prompt: TEXTS[n % TEXTS.length], padding: 'x'.repeat((n * 97) % 19_000) },
  });
  const timestamp = Math.floor(Date.now() / 1_000);
  const headers = {
    ...(await webhookHeaders(live, { id: `evt_${n}_${crypto.randomUUID()}`, timestamp, body })),
  };
  expect(headers['webhook-signature'].split(' ')).toHaveLength(live.length);
  // A receiver may still have the one that is being replaced.
  return { headers, body, pair, secret: n % 10 === 1 ? former : secret };
}

describe(`${DELIVERIES} deliveries`, () => {
  it('are believed by every library, and none that was changed is', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    for (let n = 0; n < DELIVERIES; n++) {
      const sent = await send(n);
      const changed = { ...sent, body: sent.body.replace('job_', 'jab_') };
      for (const [name, judge] of Object.entries(JUDGES)) {
        if (!(await judge(sent))) wrong.push(`${name} refuses ${n}`);
        if (await judge(changed)) wrong.push(`${name} believes ${n} with a changed body`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
