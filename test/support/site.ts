/** A web site of the test's own, on this machine: somebody's shop, or pages that no service is needed for. */

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A site that answers. */
export interface Site {
  /** Its origin: no slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens a site that gives these answers. Whoever opens it closes it. */
export async function openSite(answer: RequestListener): Promise<Site> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A browser keeps its connections open.
      server.closeAllConnections();
      return closed;
    },
  };
}
