import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { LinkClient } from '../../src/worker/links/client.ts';
import { admin, tick } from '../support/customer.ts';
import { installHops } from '../support/hops.ts';
import { DAY_MS, MINUTE_MS, World } from './jobs-fixtures.ts';
import { expectKind, holdLookups, jobOf, LIFE_MS, Links } from './links-object-fixtures.ts';

const GRACE_MS = 15 * MINUTE_MS;

async function create() {
  const world = await World.create();
  return { world, links: await Links.of(world) };
}

describe('making a link', () => {
  it('gives it as it is kept', async () => {
    const { links } = await create();
    const command = await links.command({ metadata: { order: '7' }, job: jobOf('mist') });
    const made = expectKind(await links.client.createLink(command), 'created');
    expect(made).toEqual({
      kind: 'created',
      replayed: false,
      link: {
        uploadId: command.uploadId,
        status: 'pending',
        createdAt: Date.now(),
        spec: command.spec,
        start: 'waiting',
      },
    });
    expect(await links.read(command.uploadId)).toEqual(made.link);
  });

  it('is the same link when told again, and no replay', async () => {
    const { world, links } = await create();
    const command = await links.command();
    const first = await links.client.createLink(command);
    expect(await links.client.createLink(command)).toEqual(first);
    expect(await world.sql('SELECT id FROM links')).toEqual([{ id: command.uploadId }]);
  });

  it('is one link under one Idempotency-Key, and 422 for another request', async () => {
    const { links } = await create();
    const idempotency = { key: 'order 7', fingerprint: 'one' };
    const first = await links.command({}, { idempotency });
    expect(expectKind(await links.client.createLink(first), 'created').replayed).toBe(false);
    const second = await links.client.createLink(await links.command({}, { idempotency }));
    expect(expectKind(second, 'created')).toMatchObject({
      replayed: true,
      link: { uploadId: first.uploadId },
    });
    const other = await links.command({}, { idempotency: { ...idempotency, fingerprint: 'two' } });
    expect(await links.client.createLink(other)).toEqual({ kind: 'mismatch' });
  });

  it('and submitting a job do not share an Idempotency-Key', async () => {
    const { world, links } = await create();
    await links.client.createLink(
      await links.command({}, { idempotency: { key: 'shared', fingerprint: 'link' } }),
    );
    expect((await world.customer.submit({}, { 'Idempotency-Key': 'shared' })).status).toBe(422);
    expect((await links.jobs()).ids).toEqual([]);
  });

  it('is refused to a key that is not valid, and writes no link', async () => {
    const { world, links } = await create();
    await links.make();
    const command = await links.command({}, { keyHash: 'f'.repeat(64) });
    expect(await links.client.createLink(command)).toEqual({ kind: 'unauthorized' });
    expect(await world.sql('SELECT COUNT(*) AS n FROM links')).toEqual([{ n: 1 }]);
  });

  it.each([
    ['account', 'learn', 'credits'],
    ['directory', 'mark', 'directory'],
  ])('is refused while the %s cannot be reached', async (to, method, part) => {
    const { world, links } = await create();
    const hops = installHops();
    hops.fate = (hop) => (hop.to === to && hop.method === method ? 'lost' : 'pass');
    const command = await links.command();
    expect(await links.client.createLink(command)).toMatchObject({ kind: 'unavailable', part });
    expect(await world.sql('SELECT id FROM links')).toEqual([]);
    hops.fate = () => 'pass';
    expectKind(await links.client.createLink(command), 'created');
  });
});

describe('looking at a link', () => {
  it('of an id never made finds nothing, and writes nothing', async () => {
    const account = mintAccountId('weur');
    const client = new LinkClient(env as unknown as Env, account);
    const { links } = await create();
    const [uploadId, jobId] = [await links.mint('up'), await links.mint('job')];
    const query = { uploadId, keyHash: 'f'.repeat(64) };
    const image = await links.picture(uploadId);
    const attempt = { uploadId, attempt: '0'.repeat(16) };
    const nothing = { kind: 'not_found' };
    expect(await client.link(query)).toEqual(nothing);
    expect(await client.openLink(uploadId)).toEqual(nothing);
    expect(await client.revokeLink(query)).toEqual(nothing);
    expect(await client.startLink({ ...query, jobId })).toEqual(nothing);
    expect(await client.finishUpload({ uploadId, image, jobId })).toEqual(nothing);
    expect(await client.beginTus({ ...attempt, length: 5 })).toEqual(nothing);
    expect(await client.tus(attempt)).toEqual(nothing);
    expect(await client.advanceTus({ ...attempt, from: 0, parts: [] })).toEqual(nothing);
    expect(await client.dropTus(attempt)).toEqual(nothing);
    expect(await client.links({ keyHash: query.keyHash, limit: 10 })).toEqual({
      kind: 'page',
      links: [],
      more: false,
    });
    const { SHARDS } = env as unknown as Env;
    const stub = SHARDS.get(SHARDS.idFromName(`${account}/weur/0`));
    const tables = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql.exec('SELECT name FROM sqlite_schema').toArray(),
    );
    expect(tables).toEqual([]);
  });

  it('of an account that has others finds nothing', async () => {
    const { links } = await create();
    await links.make();
    const uploadId = await links.mint('up');
    expect(await links.client.link({ uploadId, keyHash: links.keyHash })).toEqual({ kind: 'not_found' });
    expect(await links.client.openLink(uploadId)).toEqual({ kind: 'not_found' });
    expect(await links.client.link({ uploadId, keyHash: 'f'.repeat(64) })).toEqual({ kind: 'unauthorized' });
  });

  it('shows that it expires', async () => {
    const { world, links } = await create();
    const id = await links.make();
    world.clock.advance(LIFE_MS - 1);
    expect((await links.read(id)).status).toBe('pending');
    world.clock.advance(1);
    expect((await links.read(id)).status).toBe('expired');
    expect(expectKind(await links.client.openLink(id), 'found').link.status).toBe('expired');
  });

  it('goes through the list page by page, the newest first', async () => {
    const { world, links } = await create();
    const made: string[] = [];
    for (let n = 0; n < 25; n++) {
      made.unshift(await links.make({ metadata: { n: String(n) } }));
      world.clock.advance(1);
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let before: string | undefined; ; ) {
      const page = expectKind(
        await links.client.links({ keyHash: links.keyHash, limit: 10, ...(before ? { before } : {}) }),
        'page',
      );
      seen.push(...page.links.map(({ uploadId }) => uploadId));
      sizes.push(page.links.length);
      before = seen.at(-1);
      // A link made meanwhile is on no page behind the first.
      await links.make();
      world.clock.advance(1);
      if (!page.more) break;
    }
    expect(seen).toEqual(made);
    expect(sizes).toEqual([10, 10, 5]);
  });

  it('says that there is no more when the last page is full', async () => {
    const { world, links } = await create();
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) {
      ids.unshift(await links.make());
      world.clock.advance(1);
    }
    const page = expectKind(await links.client.links({ keyHash: links.keyHash, limit: 2 }), 'page');
    expect([page.links.map(({ uploadId }) => uploadId), page.more]).toEqual([ids, false]);
  });
});

describe('a shard that has lost its copy of the keys', () => {
  it('asks the account whether the link’s key is valid, and says when it cannot', async () => {
    const { world, links } = await create();
    const id = await links.make();
    const attempt = { uploadId: id, attempt: '0'.repeat(16) };
    await world.inShard((_, { storage }) => storage.kv.delete('replica'));
    await world.crash();
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'account' ? 'lost' : 'pass');
    const away = { kind: 'unavailable', part: 'credits', retryAfter: expect.any(Number) };
    expect(await links.client.openLink(id)).toEqual(away);
    expect(await links.finish(id)).toEqual(away);
    expect(await links.client.beginTus({ ...attempt, length: 5 })).toEqual(away);
    expect(await links.client.tus(attempt)).toEqual(away);
    expect(await world.sql('SELECT uploaded_at FROM links')).toEqual([{ uploaded_at: null }]);
    hops.fate = () => 'pass';
    expect(expectKind(await links.client.openLink(id), 'found').link.status).toBe('pending');
    expect(hops.log.filter(({ method }) => method === 'learn').length).toBeGreaterThan(0);
  });
});

describe('revoking a link', () => {
  it('closes it, once for all', async () => {
    const { links } = await create();
    const id = await links.make();
    const query = { uploadId: id, keyHash: links.keyHash };
    expect(expectKind(await links.client.revokeLink(query), 'revoked').link.status).toBe('revoked');
    expect(expectKind(await links.client.revokeLink(query), 'revoked').link.status).toBe('revoked');
    expect(expectKind(await links.finish(id), 'lost').link.status).toBe('revoked');
    expect((await links.read(id)).image).toBeUndefined();
  });

  it('also closes one whose upload was begun before it expired', async () => {
    const { world, links } = await create();
    const id = await links.make();
    world.clock.advance(LIFE_MS + MINUTE_MS);
    expectKind(await links.client.revokeLink({ uploadId: id, keyHash: links.keyHash }), 'revoked');
    expectKind(await links.finish(id), 'lost');
  });

  it('is too late once the picture is there', async () => {
    const { links } = await create();
    const id = await links.make();
    expectKind(await links.finish(id), 'won');
    const outcome = await links.client.revokeLink({ uploadId: id, keyHash: links.keyHash });
    expect(expectKind(outcome, 'used').link.status).toBe('uploaded');
    expect((await links.read(id)).status).toBe('uploaded');
  });

  it('does not go by what was read before the picture came', async () => {
    const { links } = await create();
    const { id } = await links.makeWithJob();
    const stale = holdLookups('owned');
    const late = links.client.revokeLink({ uploadId: id, keyHash: links.keyHash });
    await expect.poll(() => stale.waiting).toBe(1);
    stale.pass();
    const image = await links.picture(id);
    const { link } = expectKind(await links.finish(id, image), 'won');
    stale.release();
    expect(expectKind(await late, 'used').link).toMatchObject({ status: 'uploaded', image });
    expect(await links.read(id)).toMatchObject({ status: 'uploaded', image, jobId: link.jobId });
  });

  it('that races with an upload leaves one of two states, and both are told the same', async () => {
    const { links } = await create();
    const seen = new Set<string>();
    const turns = 10;
    for (let turn = 0; turn <= turns; turn++) {
      const { id } = await links.makeWithJob();
      const revoke = () => links.client.revokeLink({ uploadId: id, keyHash: links.keyHash });
      const finishing = turn === 0 ? revoke().then(() => links.finish(id)) : links.finish(id);
      // From before the upload to after it, and at some moments between.
      for (let ticks = 0; ticks < turn % 5; ticks++) await tick();
      if (turn === turns) await finishing;
      const [finished, revoked] = await Promise.all([finishing, revoke()]);
      const kinds = `${finished.kind} ${revoked.kind}`;
      expect(['won used', 'lost revoked']).toContain(kinds);
      const { status, jobId } = await links.read(id);
      expect([status, jobId !== undefined]).toEqual(
        kinds === 'won used' ? ['uploaded', true] : ['revoked', false],
      );
      seen.add(kinds);
    }
    expect([...seen].sort()).toEqual(['lost revoked', 'won used']);
  });
});

describe('the first upload', () => {
  it('is the link’s picture, and nothing replaces it', async () => {
    const { links } = await create();
    const id = await links.make();
    const image = await links.picture(id);
    const won = expectKind(await links.finish(id, image), 'won');
    expect(won.link).toMatchObject({ status: 'uploaded', image, uploadedAt: Date.now(), start: 'none' });
    expect(expectKind(await links.finish(id), 'lost').link.image).toEqual(image);
    // Its answer was lost.
    expect(await links.finish(id, image)).toEqual(won);
  });

  it.each([
    ['in time', LIFE_MS - 1, 'won'],
    ['that was begun in time', LIFE_MS + GRACE_MS - 1, 'won'],
    ['that took too long', LIFE_MS + GRACE_MS, 'lost'],
  ] as const)('%s', async (_, after, kind) => {
    const { world, links } = await create();
    const id = await links.make();
    world.clock.advance(after);
    expect((await links.finish(id)).kind).toBe(kind);
    expect((await links.read(id)).status).toBe(kind === 'won' ? 'uploaded' : 'expired');
  });

  it('is lost when the key of the link was revoked', async () => {
    const { world, links } = await create();
    const { account, keyId } = world.customer;
    const other = await admin('POST', `/accounts/${account}/keys`, { name: 'other' });
    const { id } = await links.makeWithJob();
    await admin('DELETE', `/accounts/${account}/keys/${keyId}`);
    await expect
      .poll(async () => expectKind(await links.client.openLink(id), 'found').link.status)
      .toBe('revoked');
    expect(expectKind(await links.finish(id), 'lost').link.status).toBe('revoked');
    expect(
      expectKind(await links.client.beginTus({ uploadId: id, attempt: 'a', length: 5 }), 'closed').link,
    ).toMatchObject({ status: 'revoked' });
    expect(await links.jobs()).toEqual({ ids: [], held: 0 });
    // The account's other key sees it so, too.
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(other.key));
    const keyHash = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    expect(expectKind(await links.client.link({ uploadId: id, keyHash }), 'found').link.status).toBe(
      'revoked',
    );
  });

  it('of a link that outlived its shard’s place on the list is listed anew', async () => {
    const { world, links } = await create();
    const { id } = await links.makeWithJob({ expiresAt: Date.now() + 7 * DAY_MS });
    for (let hours = 0; hours < 3; hours++) await world.pass(DAY_MS);
    const hops = installHops();
    expectKind(await links.finish(id), 'won');
    expect(hops.log.filter(({ to, method }) => to === 'directory' && method === 'mark')).toHaveLength(1);
  });
});
