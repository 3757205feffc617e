/** Receivers of webhooks that listen on this machine: what came, and a gate that lets a test say when they answer. */

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';

/** A request as it came. */
export interface Arrival {
  /** `webhook-id`. */
  readonly id: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a request; a number is a status with nothing behind it. */
export type Reply = (arrival: Arrival, response: ServerResponse) => number | undefined | Promise<number>;

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Everything that came so far, in the order it came. */
  readonly arrivals: readonly Arrival[];
  /** Breaks all connections, and takes no more: the next one is refused. */
  close(): Promise<void>;
}

/** Listens on a free port of this machine, or on `port`. */
export async function openReceiver(reply: Reply, port = 0): Promise<Receiver> {
  const arrivals: Arrival[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const body = Buffer.concat(chunks).toString('utf8');
    const arrival = { id: headers['webhook-id'] ?? '', path: request.url ?? '', headers, body };
    arrivals.push(arrival);
    const status = await reply(arrival, response);
    if (status !== undefined) response.writeHead(status).end();
  });
  const listening = await listen(server, port);
  return {
    ...listening,
    arrivals,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Listens with any server. */
export async function listen(server: Server, port = 0): Promise<{ url: string; port: number }> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${own}/hook`, port: own };
}

/** Holds answers back until the test lets them go. */
export class AnswerGate {
  #permits = 0;
  #passed = 0;
  readonly #waiting: (() => void)[] = [];

  /** Answers that wait now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Answers that have gone. */
  get passed(): number {
    return this.#passed;
  }

  /** Resolves when this answer may go. */
  async pass(): Promise<void> {
    if (this.#permits > 0) this.#permits--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#passed++;
  }

  /** Lets so many more answers go, those first that wait longest. */
  let(count: number): void {
    const going = this.#waiting.splice(0, count);
    this.#permits += count - going.length;
    for (const go of going) go();
  }

  /** Forgets those that wait: whom they were for is no more. */
  forget(): void {
    this.#waiting.length = 0;
  }
}
