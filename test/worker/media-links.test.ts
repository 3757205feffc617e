import { describe, expect, it } from 'vitest';
import { fromBase64Url } from '../../src/worker/bytes.ts';
import type { Config } from '../../src/worker/env.ts';
import {
  type FileLink,
  fileUrl,
  linkImageUrl,
  ownUpload,
  readFileLink,
  uploadLinkOf,
} from '../../src/worker/media/links.ts';
import { inputKey, resultKey, uploadKey } from '../../src/worker/media/storage.ts';
import { encrypt, parseRing, sealToken, signToken } from '../../src/worker/secrets.ts';
import { config, newAccount } from './media-fixtures.ts';

const NOW = 1_800_000_000_000;
const account = newAccount();
const upload: FileLink = {
  key: uploadKey(account, 'up_1'),
  name: 'up_1.png',
  type: 'image/png',
  expiresAt: NOW + 1_000,
  account,
};

/** Token and name of a link of ours. */
function parts(url: string): [string, string] {
  const [, , token = '', name = ''] = new URL(url).pathname.split('/');
  return [token, name];
}

function ring(text: string): Pick<Config, 'PUBLIC_URL' | 'SIGNING_SECRETS'> {
  return { PUBLIC_URL: config.PUBLIC_URL, SIGNING_SECRETS: parseRing(text) };
}
const OLD = 'old:ffffffffffffffffffffffffffffffff';
const NEW = 'new:00000000000000000000000000000000';

describe('file links', () => {
  it('say what they cover', async () => {
    const url = await fileUrl(config, upload);
    expect(url).toMatch(/^https:\/\/firstframe\.test\/files\/[A-Za-z0-9._-]+\/up_1\.png$/);
    expect(url.length).toBeLessThan(400);
    expect(await readFileLink(config, ...parts(url), NOW)).toEqual(upload);
  });

  it('end when they say', async () => {
    const [token, name] = parts(await fileUrl(config, upload));
    expect(await readFileLink(config, token, name, upload.expiresAt - 1)).not.toBeNull();
    expect(await readFileLink(config, token, name, upload.expiresAt)).toBeNull();
  });

  it('are for one name', async () => {
    const [token] = parts(await fileUrl(config, upload));
    for (const name of ['up_2.png', 'UP_1.PNG', 'up_1.png/', '', '../up_1.png']) {
      expect(await readFileLink(config, token, name, NOW)).toBeNull();
    }
  });

  it('cannot be changed in any character', async () => {
    const [token, name] = parts(await fileUrl(config, upload));
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(await readFileLink(config, changed, name, NOW)).toBeNull();
    }
    for (const nonsense of ['', '.', '..', 'a.b.c', token.slice(1), `${token}.x`, 'x'.repeat(10_000)]) {
      expect(await readFileLink(config, nonsense, name, NOW)).toBeNull();
    }
  });

  it('are not tokens of another purpose or shape', async () => {
    const claims = { k: upload.key, n: upload.name, t: upload.type, e: upload.expiresAt };
    for (const purpose of ['upload', 'callback'] as const) {
      const token = await signToken(config.SIGNING_SECRETS, purpose, claims);
      expect(await readFileLink(config, token, upload.name, NOW)).toBeNull();
    }
    for (const other of [null, [], 'x', { ...claims, e: '1' }, { ...claims, more: 1 }, { n: upload.name }]) {
      const token = await sealToken(config.SIGNING_SECRETS, 'file', other);
      expect(await readFileLink(config, token, upload.name, NOW)).toBeNull();
    }
    const text = JSON.stringify(claims);
    const sealed = await encrypt(config.SIGNING_SECRETS, 'file', text, 'something else');
    expect(await readFileLink(config, sealed, upload.name, NOW)).toBeNull();
  });

  it('tell whoever has them nothing, and are the same for the same file', async () => {
    const url = await fileUrl(config, upload);
    const [token] = parts(url);
    const bytes = fromBase64Url(token.slice(token.indexOf('.') + 1));
    const text = new TextDecoder('latin1').decode(bytes ?? undefined);
    for (const part of [upload.account, upload.key, 'acct_', 'image/', '"k"']) {
      expect(text).not.toContain(part);
      expect(url).not.toContain(part);
    }
    expect(await fileUrl(config, upload)).toBe(url);
    expect(await fileUrl(config, { ...upload, expiresAt: upload.expiresAt + 1 })).not.toBe(url);
  });

  it('outlive a new secret, and not the dropping of their own', async () => {
    const link = parts(await fileUrl(ring(OLD), upload));
    expect(await readFileLink(ring(`${NEW},${OLD}`), ...link, NOW)).toEqual(upload);
    expect(await readFileLink(ring(NEW), ...link, NOW)).toBeNull();
  });

  it('take no name or type that would break a path or a header', async () => {
    for (const name of ['', 'a/b', '../x', 'a"b', 'a\r\nb', 'ä', 'x'.repeat(200)]) {
      await expect(fileUrl(config, { ...upload, name })).rejects.toThrow(TypeError);
    }
    await expect(fileUrl(config, { ...upload, type: 'image/png\r\nX: y' })).rejects.toThrow(TypeError);
  });
});

describe('keys', () => {
  it('cannot reach into another place', () => {
    for (const id of ['', '..', 'a/b', 'a.b', 'A', 'x'.repeat(65)]) {
      expect(() => inputKey(id, 'job_1', 'start')).toThrow(TypeError);
      expect(() => resultKey('acct_1', id)).toThrow(TypeError);
      expect(() => uploadKey('acct_1', id)).toThrow(TypeError);
    }
  });
});

describe('ownUpload', () => {
  const judge = async (text: string, who = account, now = NOW) => ownUpload(config, new URL(text), who, now);

  it('knows its own', async () => {
    const { key, expiresAt } = upload;
    expect(await judge(await fileUrl(config, upload))).toEqual({ kind: 'upload', key, expiresAt });
  });

  it('knows what was uploaded to a link of its own, and of nobody else’s', async () => {
    const url = await linkImageUrl(config, { account, uploadId: 'up_7' }, NOW + 1);
    expect(url).toMatch(/\/up_7$/);
    expect(await judge(url)).toEqual({ kind: 'link', uploadId: 'up_7' });
    expect(await judge(url, newAccount())).toEqual({ kind: 'invalid' });
    expect(await judge(url, account, NOW + 1)).toEqual({ kind: 'invalid' });
    const foreign = { ...upload, key: `up/${newAccount()}/up_7/` };
    expect(await judge(await fileUrl(config, foreign))).toEqual({ kind: 'invalid' });
  });

  it.each<[string, object | null]>([
    ['up/acct_1/up_7/', { account: 'acct_1', uploadId: 'up_7' }],
    ['up/acct_1/up_7', null],
    ['up/acct_1/up_7/abc', null],
    ['up/acct_1/', null],
    ['up//up_7/', null],
    ['up/acct_1/../', null],
    ['out/acct_1/up_7/', null],
    ['', null],
    ['/', null],
  ])('takes the key %j for the link %j', (key, expected) => {
    expect(uploadLinkOf(key)).toEqual(expected);
  });

  it('knows them in every spelling', async () => {
    const url = await fileUrl(config, upload);
    const spellings = [
      url.replace('https:', 'http:'),
      url.replace('firstframe.test', 'FIRSTFRAME.test'),
      url.replace('firstframe.test', 'firstframe.test.'),
      url.replace('firstframe.test', 'firstframe.test:443'),
      url.replace('/files/', '/%66iles/'),
      url.replace('/files/', '/x/../files/'),
      `${url}?a=b#c`,
    ];
    const kinds = await Promise.all(spellings.map(async (text) => (await judge(text)).kind));
    expect(kinds).toEqual(spellings.map(() => 'upload'));
  });

  it('gives one answer to all that is wrong', async () => {
    const url = await fileUrl(config, upload);
    const result = { ...upload, key: resultKey(account, 'job_1') };
    const foreign = { ...upload, key: uploadKey(newAccount(), 'up_1') };
    const { account: _, ...nobodys } = upload;
    const wrong = await Promise.all([
      judge(url, newAccount()),
      judge(url, account, upload.expiresAt),
      judge(url.replace('up_1.png', 'up_2.png')),
      judge(`${url}/more`),
      judge(`${config.PUBLIC_URL}/files/`),
      judge(`${config.PUBLIC_URL}/files/x/y`),
      judge(await fileUrl(config, result)),
      judge(await fileUrl(config, foreign)),
      judge(await fileUrl(config, nobodys)),
    ]);
    expect(wrong).toEqual(wrong.map(() => ({ kind: 'invalid' })));
  });

  it('leaves other places alone', async () => {
    const [token, name] = parts(await fileUrl(config, upload));
    const foreign = await Promise.all([
      judge(`https://example.com/files/${token}/${name}`),
      judge(`https://firstframe.test:8443/files/${token}/${name}`),
      judge(`https://www.firstframe.test/files/${token}/${name}`),
      judge(`${config.PUBLIC_URL}/sample.jpg`),
      judge(`${config.PUBLIC_URL}/%E0%A4%A/x`),
    ]);
    expect(foreign).toEqual(foreign.map(() => ({ kind: 'foreign' })));
  });

  it('knows this machine by all its names, and another program on it by its port', async () => {
    const local = { ...config, PUBLIC_URL: 'http://127.0.0.1:8787' };
    const url = await fileUrl(local, upload);
    const kindAt = async (host: string) =>
      (await ownUpload(local, new URL(url.replace('127.0.0.1:8787', host)), account, NOW)).kind;
    for (const host of ['localhost:8787', '127.0.0.2:8787', '[::1]:8787', 'x.localhost:8787']) {
      expect(await kindAt(host), host).toBe('upload');
    }
    for (const host of ['localhost:8788', 'localhost', '10.0.0.1:8787']) {
      expect(await kindAt(host), host).toBe('foreign');
    }
  });
});
