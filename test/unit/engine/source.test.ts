import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  guardedLookup,
  isAllowedAddress,
  isForbiddenLiteral,
} from '../../../src/engine/render/input/address.ts';
import { MAX_IMAGE_BYTES } from '../../../src/engine/render/input/download.ts';
import { InputError } from '../../../src/engine/render/input/error.ts';
import { decodeDataUri, readSource } from '../../../src/engine/render/input/source.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const options = { allowLoopback: true, signal: new AbortController().signal };

/** The type and message that a source is refused with. */
async function refusal(
  url: string,
  extra: Partial<typeof options & { timeoutMs: number }> = {},
): Promise<string> {
  const cause = await readSource(url, { ...options, ...extra }).catch((error: unknown) => error);
  if (!(cause instanceof InputError)) throw new Error(`Not refused: ${cause}`);
  return `${cause.type}: ${cause.message}`;
}

describe('a download', () => {
  test('gives the bytes, and asks for them plainly', async () => {
    let headers: Record<string, unknown> = {};
    const url = await serve((request, response) => {
      headers = request.headers;
      response.end('bytes');
    });
    expect((await readSource(`${url}/a.png?token=x`, options)).toString()).toBe('bytes');
    expect(headers['accept-encoding']).toBe('identity');
  });

  test('follows redirects, also relative ones', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else if (request.url === '/b') response.writeHead(307, { location: `${url}/c` }).end();
      else response.end('there');
    });
    expect((await readSource(`${url}/a`, options)).toString()).toBe('there');
  });

  test('gives up on a circle of redirects', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.writeHead(302, { location: '/' }).end();
    });
    expect(await refusal(url)).toContain(
      'file_download_error: Failed to download the file: there were too many redirects',
    );
    expect(requests).toBe(6);
  });

  test.each([
    ['to a private address', 'http://10.0.0.1/'],
    ['to the metadata service', 'http://169.254.169.254/latest/meta-data'],
    ['to another protocol', 'file:///etc/passwd'],
    ['with credentials', 'http://user:secret@example.com/'],
    ['to nowhere', 'http://'],
  ])('follows no redirect %s', async (_name, location) => {
    const url = await serve((_request, response) => response.writeHead(302, { location }).end());
    expect(await refusal(url)).toMatch(/^file_download_error: /);
  });

  test.each([204, 301, 403, 404, 500])('an answer of %i is a failure', async (status) => {
    const url = await serve((_request, response) => response.writeHead(status).end());
    expect(await refusal(url)).toContain(`the server answered ${status}`);
  });

  test('a server that hangs up is a failure', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await refusal(url)).toMatch(/^file_download_error: /);
  });

  test('a body that breaks off is a failure', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await refusal(url)).toMatch(/^file_download_error: /);
  });

  test('an empty body is no image', async () => {
    const url = await serve((_request, response) => response.end());
    expect(await refusal(url)).toMatch(/^image_load_error: /);
  });

  test.each(['head', 'body'])('a server that never sends its %s is given up', async (part) => {
    const url = await serve((_request, response) => {
      if (part === 'body') response.writeHead(200).write('a');
    });
    expect(await refusal(url, { timeoutMs: 50 })).toContain('it took too long');
  });

  test('a body that declares too much is not read', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': String(MAX_IMAGE_BYTES + 1) }).flushHeaders();
    });
    expect(await refusal(url)).toMatch(/^file_too_large: /);
  });

  test('a body that never ends is cut off', async () => {
    const chunk = Buffer.alloc(1 << 20);
    const url = await serve((_request, response) => {
      const write = (): void => {
        if (!response.destroyed) response.write(chunk, write);
      };
      write();
    });
    expect(await refusal(url)).toMatch(/^file_too_large: /);
  });

  test('no one listens: a failure', async () => {
    const url = await serve(() => {});
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    expect(await refusal(url)).toMatch(/^file_download_error: /);
  });

  test('loopback is refused unless it is allowed, by name too', async () => {
    const url = await serve((_request, response) => response.end('x'));
    const byName = url.replace('127.0.0.1', 'localhost');
    for (const target of [url, byName]) {
      expect(await refusal(target, { allowLoopback: false })).toContain('no public address');
    }
    expect((await readSource(byName, options)).toString()).toBe('x');
  });

  test('an abort ends it', async () => {
    const abort = new AbortController();
    const url = await serve(() => abort.abort());
    expect(await refusal(url, { signal: abort.signal })).toMatch(/^file_download_error: /);
  });

  test.each([
    '',
    'no url',
    'ftp://example.com/a.png',
    'javascript:alert(1)',
    'http://a:b@example.com/',
    'file:///etc/passwd',
  ])('the URL %j is refused', async (url) => {
    expect(await refusal(url)).toMatch(/^file_download_error: /);
  });
});

describe('addresses', () => {
  test.each([
    ['93.184.216.34', true],
    ['2606:2800:220:1:248:1893:25c8:1946', true],
    ['10.0.0.1', false],
    ['172.16.3.4', false],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['0.0.0.0', false],
    ['255.255.255.255', false],
    ['224.0.0.1', false],
    ['::', false],
    ['fe80::1', false],
    ['fc00::1', false],
    ['::ffff:10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    // What the library takes for public, and the Worker's guard does not.
    ['168.63.129.16', false],
    ['64:ff9b:1::a00:1', false],
    ['4000::1', false],
    ['fec0::1', false],
    ['not an address', false],
  ])('%s: %s', (address, allowed) => {
    expect(isAllowedAddress(address, false)).toBe(allowed);
    expect(isAllowedAddress(address, true)).toBe(allowed);
  });

  test.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])('%s only where loopback is', (address) => {
    expect([isAllowedAddress(address, false), isAllowedAddress(address, true)]).toEqual([false, true]);
  });

  test.each([
    ['[::1]', true],
    ['10.1.2.3', true],
    ['example.com', false],
    ['8.8.8.8', false],
  ])('as a host, %s is forbidden: %s', (host, forbidden) => {
    expect(isForbiddenLiteral(host, false)).toBe(forbidden);
  });

  test('odd spellings of an address are seen through', async () => {
    for (const host of ['0x7f.1', '2130706433', '017700000001', '[::ffff:7f00:1]']) {
      expect(await refusal(`http://${host}/`, { allowLoopback: false })).toContain('no public address');
    }
  });

  test('a lookup gives all addresses or one, as asked', async () => {
    const ask = (all: boolean): Promise<unknown> =>
      new Promise((resolve, reject) => {
        guardedLookup(true)('localhost', { all }, (cause, address) =>
          cause ? reject(cause) : resolve(address),
        );
      });
    expect(Array.isArray(await ask(true))).toBe(true);
    expect(await ask(false)).toMatch(/^(127\.0\.0\.1|::1)$/);
  });
});

describe('data URIs', () => {
  test.each(['data:image/png;base64,aGk=', 'DATA:;BASE64,aGk=', 'data:image/png;name=a;base64,aGk='])(
    '%s',
    (uri) => {
      expect(decodeDataUri(uri).toString()).toBe('hi');
    },
  );

  test.each([
    'data:image/png,hi',
    'data:image/png;base64',
    'data:;base64,a b',
    'data:;base64,aGk=x',
    'data:;base64,-_-_',
  ])('%s is refused', async (uri) => {
    expect(await refusal(uri)).toMatch(/^image_load_error: /);
  });

  test('an empty one is refused', async () => {
    expect(await refusal('data:image/png;base64,')).toBe('image_load_error: The file is empty.');
  });

  test('one at the limit is taken, one above is not', async () => {
    const uri = (bytes: number): string => `data:;base64,${Buffer.alloc(bytes).toString('base64')}`;
    expect((await readSource(uri(MAX_IMAGE_BYTES), options)).length).toBe(MAX_IMAGE_BYTES);
    expect(await refusal(uri(MAX_IMAGE_BYTES + 3))).toMatch(/^file_too_large: /);
  });
});
