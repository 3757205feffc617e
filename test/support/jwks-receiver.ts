/**
 * A receiver in a process of its own that knows nothing but the address of a key set, and verifies with the published
 * verifier: `node jwks-receiver.ts <address of the key set>`. It prints its port, then one line of JSON for each request.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyWebhook, WebhookVerificationError } from 'firstframe/webhooks';

const [jwks] = process.argv.slice(2);
if (jwks === undefined) throw new Error('node jwks-receiver.ts <address of the key set>');

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    const event = await verifyWebhook({ headers: request.headers, body: Buffer.concat(chunks) }, { jwks });
    console.log(JSON.stringify({ id: event.id, type: event.type, scheme: event.scheme }));
    response.writeHead(204).end();
  } catch (thrown) {
    const { code, status } =
      thrown instanceof WebhookVerificationError ? thrown : { code: String(thrown), status: 500 };
    console.log(JSON.stringify({ code }));
    response.writeHead(status).end(code);
  }
});
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));
