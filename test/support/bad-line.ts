/** A line to a service that breaks where a test wants it: a TCP proxy that reads no more of HTTP than its first line. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of one connection. */
export interface Fate {
  /** It breaks after so many bytes to the service. Default never. */
  readonly up?: number;
  /** It breaks after so many bytes back: 0 means that the answer never comes. Default never. */
  readonly down?: number;
  /** The service is not told, as when a phone has left the network: it waits, until {@link BadLine.mend}. */
  readonly silent?: boolean;
}

export interface BadLine {
  /** Where it answers. */
  readonly url: string;
  /** `PATCH /path`, in the order of their coming. Of connections that serve several requests, as a browser's do, too. */
  readonly requests: readonly string[];
  /** Connections that were broken. */
  readonly breaks: number;
  /** Where it leads, and what becomes of each connection from now on. */
  to(port: number, fate?: () => Fate): void;
  /** Breaks every connection, once, when so many more bytes have gone to the service over all of them. */
  breakAfter(bytes: number): void;
  /** Tells the service of the connections that broke silently. */
  mend(): void;
  close(): Promise<void>;
}

const REQUEST = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+) HTTP\/1\.1\r\n/;

/** Opens a line to nowhere. Whoever opens it closes it. */
export async function openBadLine(): Promise<BadLine> {
  let port = 0;
  let fateOfNext: () => Fate = () => ({});
  let budget = Number.POSITIVE_INFINITY;
  let breaks = 0;
  const requests: string[] = [];
  const near = new Set<Socket>();
  const dangling = new Set<Socket>();

  const server: Server = createServer((client) => {
    const { up = Number.POSITIVE_INFINITY, down = Number.POSITIVE_INFINITY, silent = false } = fateOfNext();
    const far = connect(port, '127.0.0.1');
    let sent = 0;
    let received = 0;
    let broken = false;
    near.add(client);
    const cut = () => {
      if (broken) return;
      broken = true;
      breaks++;
      client.resetAndDestroy();
      if (silent) dangling.add(far);
      else far.destroy();
    };
    client.on('data', (bytes) => {
      if (broken) return;
      const request = REQUEST.exec(bytes.subarray(0, 1_024).toString('latin1'));
      if (request) requests.push(`${request[1]} ${request[2]}`);
      const passed = bytes.subarray(0, Math.max(0, Math.min(up - sent, budget)));
      sent += passed.length;
      budget -= passed.length;
      if (passed.length > 0 && !far.write(passed)) {
        client.pause();
        far.once('drain', () => client.resume());
      }
      if (budget <= 0) {
        budget = Number.POSITIVE_INFINITY;
        for (const socket of near) socket.emit('cut');
      } else if (sent >= up) cut();
    });
    client.on('cut', cut);
    far.on('data', (bytes) => {
      if (broken) return;
      const passed = bytes.subarray(0, Math.max(0, down - received));
      received += passed.length;
      if (passed.length > 0) client.write(passed);
      if (received >= down) cut();
    });
    client.on('end', () => far.end());
    far.on('end', () => {
      if (!broken) client.end();
    });
    // Either side may go at any time: the other is told, and that is all there is to do.
    client.on('error', () => far.destroy());
    far.on('error', () => client.destroy());
    client.on('close', () => {
      near.delete(client);
      if (!dangling.has(far)) far.end();
    });
    far.on('close', () => dangling.delete(far));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const mend = () => {
    for (const socket of dangling) socket.destroy();
    dangling.clear();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get breaks() {
      return breaks;
    },
    to(where, fate = () => ({})) {
      port = where;
      fateOfNext = fate;
    },
    breakAfter(bytes) {
      budget = bytes;
    },
    mend,
    async close() {
      mend();
      for (const socket of near) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
