/** The scripted upstream as a real server on loopback, for tests that start processes. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { ScriptedUpstream, type ScriptedUpstreamOptions } from './upstream.ts';

/** A running server. Its queue, files and JWKS share one origin. */
export interface UpstreamServer {
  readonly url: string;
  readonly upstream: ScriptedUpstream;
  close(): Promise<void>;
}

/** Starts a scripted upstream on a free port of 127.0.0.1. Its answers carry URLs of that port. */
export async function startUpstreamServer(
  options: Pick<ScriptedUpstreamOptions, 'key' | 'dedupes'> = {},
): Promise<UpstreamServer> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const upstream = new ScriptedUpstream({
    ...options,
    queueUrl: url,
    filesUrl: `${url}/media`,
    jwksUrl: `${url}/.well-known/jwks.json`,
  });
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // Where the script breaks a connection, and where the client went away, there is nobody left to answer.
    answer(upstream, url, incoming, outgoing).catch(() => outgoing.destroy());
  });
  return {
    url,
    upstream,
    close: () =>
      new Promise<void>((resolve, reject) => {
        upstream.release();
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function answer(
  upstream: ScriptedUpstream,
  origin: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const method = incoming.method ?? 'GET';
  const request = new Request(new URL(incoming.url ?? '/', origin), {
    method,
    headers: Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
      (values ?? []).map((value): [string, string] => [name, value]),
    ),
    signal: gone.signal,
    ...(method === 'GET' || method === 'HEAD' ? {} : { body: await bytesOf(incoming) }),
  });
  const response = await upstream.handle(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (!response.body) {
    outgoing.end();
    return;
  }
  await pipeline(Readable.fromWeb(response.body as NodeReadableStream), outgoing);
}

async function bytesOf(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}
