/** Calls to the service: refusals in one sentence, restarts bridged, nonsense named, and keys that stay where they belong. */

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import * as z from 'zod';
import { type Call, call, ProblemError } from '../../src/cli/api/http.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

const request = (url: string, more: Partial<Call<{ ok: boolean }>> = {}): Call<{ ok: boolean }> => ({
  what: 'The thing was refused',
  url: `${url}/thing`,
  token: 'secret',
  answer: z.object({ ok: z.boolean() }),
  ...more,
});

const problem = JSON.stringify({
  status: 402,
  code: 'insufficient_credits',
  detail: 'This job needs 29 credits and 3 are available.',
  request_id: 'req_1',
});

test('an answer is parsed, and the request carries token and JSON', async () => {
  const url = await serve(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming) body += chunk;
    const seen = [incoming.method, incoming.headers.authorization, incoming.headers['content-type'], body];
    response.end(JSON.stringify({ ok: seen.join(' ') === 'POST Bearer secret application/json {"a":1}' }));
  });
  expect(await call(request(url, { method: 'POST', json: { a: 1 } }))).toEqual({ ok: true });
});

test('a refusal is one sentence with code and request id', async () => {
  const url = await serve((_, response) => response.writeHead(402).end(problem));
  const refused = call(request(url));
  await expect(refused).rejects.toBeInstanceOf(ProblemError);
  await expect(refused).rejects.toThrow(
    'The thing was refused: This job needs 29 credits and 3 are available. (402 insufficient_credits, request req_1)',
  );
});

test('503 is tried again where the call may come twice, and not elsewhere', async () => {
  let calls = 0;
  const url = await serve((_, response) => {
    calls++;
    if (calls % 2 === 1) response.writeHead(503).end(problem.replace('402', '503'));
    else response.end('{"ok":true}');
  });
  expect(await call(request(url, { tries: 2 }))).toEqual({ ok: true });
  await expect(call(request(url))).rejects.toMatchObject({ status: 503 });
  expect(calls).toBe(3);
});

test('a refusal is not tried again', async () => {
  let calls = 0;
  const url = await serve((_, response) => {
    calls++;
    response.writeHead(402).end(problem);
  });
  await expect(call(request(url, { tries: 5 }))).rejects.toBeInstanceOf(ProblemError);
  expect(calls).toBe(1);
});

test.each([
  ['<html>', 200, 'answered 200 with something unexpected'],
  ['{"ok":"yes"}', 200, 'unexpected (ok)'],
  ['<html>', 502, 'answered 502, and not as this service does'],
])('%s with %i is named', async (body, status, expected) => {
  const url = await serve((_, response) => response.writeHead(status).end(body));
  await expect(call(request(url))).rejects.toThrow(expected);
});

test('a redirect is not followed, so the token goes nowhere else', async () => {
  let others = 0;
  const url = await serve((incoming, response) => {
    if (incoming.url === '/elsewhere') others++;
    response.writeHead(307, { Location: '/elsewhere' }).end();
  });
  await expect(call(request(url))).rejects.toThrow('cannot be reached');
  expect(others).toBe(0);
});

test('a service that is not there is named with the reason', async () => {
  const url = await serve(() => {});
  server?.close();
  await expect(call(request(url))).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
});

test('Ctrl-C ends a call that hangs, and a pause between tries', async () => {
  const stopping = new AbortController();
  const url = await serve(() => stopping.abort(new Error('stopped')));
  await expect(call(request(url, { tries: 5, signal: stopping.signal }))).rejects.toThrow('stopped');
});
