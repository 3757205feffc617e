/** Public images for tests, on this machine. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of images that listens. */
export interface ImageHost {
  /** The address of an image by its name. */
  url(name: string): string;
  close(): Promise<void>;
}

/** Serves `images` by name; the types are the servers' usual ones. */
export async function openImageHost(images: Readonly<Record<string, Buffer>>): Promise<ImageHost> {
  const server = createServer((request, response) => {
    const image = images[(request.url ?? '').slice(1)];
    if (image) response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(image);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url: (name) => base + name,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
