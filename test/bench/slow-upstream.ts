/**
 * An upstream as slow as the real one: accepts a job after a second and never finishes it. A process of its own, so
 * that its work is not the load generator's: `node slow-upstream.ts`, prints its URL.
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** fal takes about this long to accept a job, in ms. */
const ACCEPT_MS = 1_000;

const server = createServer((request, response) => {
  const answer = async () => {
    request.resume();
    const base = `http://${request.headers.host}`;
    response.setHeader('Content-Type', 'application/json');
    if (request.method === 'POST') {
      await sleep(ACCEPT_MS);
      const id = randomUUID();
      const path = `${base}${request.url?.split('?')[0]}/requests/${id}`;
      response.end(
        JSON.stringify({
          status: 'IN_QUEUE',
          request_id: id,
          queue_position: 0,
          response_url: path,
          status_url: `${path}/status`,
          cancel_url: `${path}/cancel`,
        }),
      );
      return;
    }
    const id = /\/requests\/([^/]+)/.exec(request.url ?? '')?.[1];
    response.writeHead(202).end(JSON.stringify({ status: 'IN_PROGRESS', request_id: id, logs: null }));
  };
  answer().catch((thrown: unknown) => {
    console.error(thrown);
    response.destroy();
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
});
// Ends with whoever started it, however that ends.
process.stdin.resume();
process.stdin.on('end', () => process.exit());
