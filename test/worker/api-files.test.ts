import { describe, expect, it } from 'vitest';
import { fileUrl } from '../../src/worker/media/links.ts';
import { Customer } from '../support/customer.ts';
import { ask, problem, stable } from './api-door.ts';
import { fixtures } from './api-images.ts';
import { config } from './media-fixtures.ts';

/** The link of a fresh upload. */
async function uploaded(): Promise<string> {
  const headers = { 'X-API-Key': (await Customer.create()).key };
  const answer = await ask('/api/uploads', { method: 'POST', headers, body: fixtures.png() });
  return answer.body.image_url;
}

describe('a file', () => {
  const link = async () => new URL(await uploaded()).pathname;

  it('is served whole, in part, by its tag, or as headers alone, without a key', async () => {
    const path = await link();
    const whole = await ask(path);
    const size = String(fixtures.png().length);
    expect(whole.status).toBe(200);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': size,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^".+"$/),
    });
    const part = await ask(path, { headers: { Range: 'bytes=1-3' } });
    expect([part.status, part.text, part.headers.get('Content-Range')]).toEqual([
      206,
      'PNG',
      `bytes 1-3/${size}`,
    ]);
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('Content-Length'), head.text]).toEqual([200, size, '']);
    const same = await ask(path, { headers: { 'If-None-Match': String(whole.headers.get('ETag')) } });
    expect([same.status, same.text]).toEqual([304, '']);
  });

  it('is 416 beyond its end', async () => {
    const answer = await ask(await link(), { headers: { Range: 'bytes=1000000-' } });
    const size = fixtures.png().length;
    expect(answer.headers.get('Content-Range')).toBe(`bytes */${size}`);
    expect(stable(answer)).toEqual(
      problem(416, 'range_not_satisfiable', 'Range not satisfiable', `The file has ${size} bytes.`),
    );
  });

  it('is 403 at any other link, with nothing told, and 404 when it is gone', async () => {
    const path = await link();
    const [, , token = '', name = ''] = path.split('/');
    const wrong = [
      `/files/${token}x/${name}`,
      `/files/${token}/x${name}`,
      '/files/a/b',
      `/files/%00/${name}`,
    ];
    const expired = await fileUrl(config, { key: 'up/a/b', name: 'a.png', type: 'image/png', expiresAt: 1 });
    for (const other of [...wrong, new URL(expired).pathname]) {
      expect(stable(await ask(other))).toEqual(
        problem(
          403,
          'forbidden_link',
          'The link is not valid',
          'This link is wrong or has expired. Read the job or upload again to get a fresh one.',
        ),
      );
      expect((await ask(other, { method: 'HEAD' })).status).toBe(403);
    }
    const gone = await fileUrl(config, {
      key: 'up/nobody/nothing',
      name: 'a.png',
      type: 'image/png',
      expiresAt: Date.now() + 60_000,
    });
    expect((await ask(new URL(gone).pathname)).status).toBe(404);
  });
});
