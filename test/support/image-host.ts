/** Public images for tests, on this machine. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of images that listens. */
export interface ImageHost {
  /** The address of an image by its name. */
  url(name: string): string;
  /** From now on nobody gets an image, so that no render of one ends by itself, until the function that it returns is called. */
  hold(): () => void;
  close(): Promise<void>;
}

/** Serves `images` by name; the types are the servers' usual ones. */
export async function openImageHost(images: Readonly<Record<string, Buffer>>): Promise<ImageHost> {
  let held: Promise<void> | undefined;
  const server = createServer(async (request, response) => {
    await held;
    const image = images[(request.url ?? '').slice(1)];
    if (image) response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(image);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url: (name) => base + name,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
