import { describe, expect, it } from 'vitest';
import { MAX_UNFINISHED } from '../../src/worker/links/shard/resumable.ts';
import { installHops } from '../support/hops.ts';
import { World } from './jobs-fixtures.ts';
import { expectKind, holdLookups, LIFE_MS, Links } from './links-object-fixtures.ts';

async function create() {
  const world = await World.create();
  const links = await Links.of(world);
  return { world, links, id: await links.make() };
}

const attemptOf = (n: number) => `attempt${String(n).padStart(9, '0')}`;
const ATTEMPT = attemptOf(1);
const part = (key: string, bytes: number) => ({ key, bytes });

describe('a resumable upload', () => {
  it('is begun once, and goes on where it is', async () => {
    const { links, id } = await create();
    const begin = { uploadId: id, attempt: ATTEMPT, length: 10, metadata: 'filename YS5wbmc=' };
    const begun = await links.client.beginTus(begin);
    const empty = {
      attempt: ATTEMPT,
      length: 10,
      offset: 0,
      parts: [],
      metadata: begin.metadata,
      done: false,
    };
    expect(begun).toEqual({ kind: 'begun', tus: empty });
    const query = { uploadId: id, attempt: ATTEMPT };
    const first = { ...query, from: 0, parts: [part('a', 4), part('b', 2)] };
    const advanced = expectKind(await links.client.advanceTus(first), 'advanced');
    expect(advanced.tus).toEqual({ ...empty, offset: 6, parts: first.parts });
    // Its answer was lost.
    expect(await links.client.advanceTus(first)).toEqual(advanced);
    expect(await links.client.beginTus(begin)).toEqual({ kind: 'begun', tus: advanced.tus });
    const conflict = await links.client.advanceTus({ ...query, from: 0, parts: [part('c', 4)] });
    expect(conflict).toEqual({ kind: 'conflict', tus: advanced.tus });
    const merged = await links.client.advanceTus({ ...query, from: 6, parts: [part('d', 5)], replaces: 1 });
    expect(expectKind(merged, 'advanced').tus).toMatchObject({
      offset: 9,
      parts: [part('a', 4), part('d', 5)],
    });
    const beyond = await links.client.advanceTus({ ...query, from: 9, parts: [part('e', 2)] });
    expect(beyond.kind).toBe('conflict');
    const read = expectKind(await links.client.tus(query), 'found');
    expect([read.tus.offset, read.link.status]).toEqual([9, 'pending']);
  });

  it('takes one of many that write at one offset', async () => {
    const { links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    await links.client.beginTus({ ...query, length: 100 });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        links.client.advanceTus({ ...query, from: 0, parts: [part(`p${n}`, n + 1)] }),
      ),
    );
    const [winner, ...others] = outcomes.filter(({ kind }) => kind === 'advanced');
    expect(others).toEqual([]);
    const { tus } = expectKind(await links.client.tus(query), 'found');
    expect(winner).toEqual({ kind: 'advanced', tus });
    expect(tus.parts).toHaveLength(1);
  });

  it('is forgotten when it is dropped, and only it', async () => {
    const { links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    const other = { uploadId: id, attempt: attemptOf(2) };
    await links.client.beginTus({ ...query, length: 10 });
    await links.client.beginTus({ ...other, length: 10 });
    expect(expectKind(await links.client.dropTus(query), 'found').tus.attempt).toBe(ATTEMPT);
    expect(await links.client.dropTus(query)).toEqual({ kind: 'not_found' });
    expect(await links.client.tus(query)).toEqual({ kind: 'not_found' });
    expect(await links.client.advanceTus({ ...query, from: 0, parts: [part('a', 1)] })).toEqual({
      kind: 'not_found',
    });
    expectKind(await links.client.tus(other), 'found');
    expect((await links.read(id)).status).toBe('pending');
  });

  it('does not go by what was read before the account was asked', async () => {
    const { links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    await links.client.beginTus({ ...query, length: 10 });
    const stale = holdLookups('held');
    const late = Promise.all([
      links.client.beginTus({ uploadId: id, attempt: attemptOf(2), length: 10 }),
      links.client.advanceTus({ ...query, from: 0, parts: [part('a', 4)] }),
    ]);
    await expect.poll(() => stale.waiting).toBe(2);
    stale.pass();
    const image = await links.picture(id);
    expectKind(await links.finish(id, image), 'won');
    stale.release();
    const [begun, advanced] = await late;
    expect(expectKind(begun, 'closed').link.image).toEqual(image);
    expect(advanced).toEqual({ kind: 'not_found' });
  });

  it('is one of at most twenty that are unfinished: the one with the fewest bytes gives way', async () => {
    const { world, links, id } = await create();
    for (let n = 0; n < MAX_UNFINISHED; n++) {
      const query = { uploadId: id, attempt: attemptOf(n) };
      expect(await links.client.beginTus({ ...query, length: 99 })).not.toHaveProperty('forgotten');
      // The third has none, the eighth one byte.
      const bytes = n === 3 ? 0 : n === 8 ? 1 : 50 + n;
      const parts = bytes === 0 ? [] : [part(`of-${n}`, bytes)];
      expectKind(await links.client.advanceTus({ ...query, from: 0, parts }), 'advanced');
    }
    // One that is there already is no new one.
    const known = await links.client.beginTus({ uploadId: id, attempt: attemptOf(5), length: 99 });
    expect(known).toMatchObject({ kind: 'begun', tus: { offset: 55 } });
    expect(known).not.toHaveProperty('forgotten');
    const forgotten: (string | undefined)[] = [];
    for (const n of [97, 98]) {
      const query = { uploadId: id, attempt: attemptOf(n) };
      forgotten.push(expectKind(await links.client.beginTus({ ...query, length: 99 }), 'begun').forgotten);
      await links.client.advanceTus({ ...query, from: 0, parts: [part(`of-${n}`, n)] });
    }
    expect(forgotten).toEqual([attemptOf(3), attemptOf(8)]);
    expect(await links.client.tus({ uploadId: id, attempt: attemptOf(3) })).toEqual({ kind: 'not_found' });
    const rows = await world.sql<{ n: number }>('SELECT COUNT(*) AS n FROM tus WHERE link = ?', [id]);
    expect(rows).toEqual([{ n: MAX_UNFINISHED }]);
  });

  it('that was ended cannot win, also when its last bytes are on their way', async () => {
    const { links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    await links.client.beginTus({ ...query, length: 10 });
    await links.client.advanceTus({ ...query, from: 0, parts: [part('a', 10)] });
    expectKind(await links.client.dropTus(query), 'found');
    const lost = expectKind(await links.finish(id, undefined, ATTEMPT), 'lost');
    expect(lost.link.status).toBe('pending');
    // Another has the link to itself.
    expectKind(await links.finish(id), 'won');
  });

  it('that wins is complete, and the others are told that the link is closed', async () => {
    const { links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    const other = { uploadId: id, attempt: attemptOf(2) };
    await links.client.beginTus({ ...query, length: 10 });
    await links.client.beginTus({ ...other, length: 20 });
    await links.client.advanceTus({ ...query, from: 0, parts: [part('a', 6)] });
    const image = await links.picture(id);
    expectKind(await links.finish(id, image, ATTEMPT), 'won');
    expectKind(await links.finish(id, image, ATTEMPT), 'won');
    expect(expectKind(await links.client.tus(query), 'found')).toMatchObject({
      tus: { offset: 10, length: 10, done: true },
      link: { status: 'uploaded' },
    });
    expect(expectKind(await links.client.tus(other), 'found')).toMatchObject({
      tus: { offset: 0, done: false },
      link: { status: 'uploaded' },
    });
    expectKind(await links.finish(id, undefined, other.attempt), 'lost');
    expect(expectKind(await links.client.tus(other), 'found').tus.done).toBe(false);
    // What is complete stays so, whoever wants to drop it.
    await links.client.dropTus(query);
    expect(expectKind(await links.client.tus(query), 'found').tus.done).toBe(true);
    const late = await links.client.beginTus({ uploadId: id, attempt: attemptOf(3), length: 5 });
    expect(expectKind(late, 'closed').link.status).toBe('uploaded');
  });

  it('is not begun after the expiry, but goes on to its end', async () => {
    const { world, links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    await links.client.beginTus({ ...query, length: 10 });
    world.clock.advance(LIFE_MS);
    const late = await links.client.beginTus({ uploadId: id, attempt: attemptOf(2), length: 10 });
    expect(expectKind(late, 'closed').link.status).toBe('expired');
    expectKind(await links.client.advanceTus({ ...query, from: 0, parts: [part('a', 10)] }), 'advanced');
    expectKind(await links.finish(id, undefined, ATTEMPT), 'won');
  });

  it('survives lost answers and a shard that forgets', async () => {
    const { world, links, id } = await create();
    const query = { uploadId: id, attempt: ATTEMPT };
    const hops = installHops();
    let lose = false;
    // Every other answer is lost; the client asks again.
    hops.fate = () => {
      lose = !lose;
      return lose ? 'answer_lost' : 'pass';
    };
    expectKind(await links.client.beginTus({ ...query, length: 10 }), 'begun');
    for (let from = 0; from < 10; from += 2) {
      const parts = [part(`p${from}`, 2)];
      const { tus } = expectKind(await links.client.advanceTus({ ...query, from, parts }), 'advanced');
      expect(tus.offset).toBe(from + 2);
      await world.crash();
    }
    const { tus } = expectKind(await links.client.tus(query), 'found');
    expect(tus.parts.map(({ key }) => key)).toEqual(['p0', 'p2', 'p4', 'p6', 'p8']);
  });
});
