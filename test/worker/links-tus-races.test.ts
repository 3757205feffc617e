/** Requests that meet on one try or on one link, lines that break, and a service that does. */

import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { type Fate, installHops } from '../support/hops.ts';
import { soakOr } from '../support/soak.ts';
import { pngOf, TestLink } from './links-bytes-fixtures.ts';
import { hose, PIECE, pictureOf, Try } from './links-tus-fixtures.ts';
import { streamOf } from './media-fixtures.ts';

const MIB = 1_048_576;

/** A PATCH whose body the test hands out. */
function open(begun: Try, offset: number) {
  const body = hose();
  const answer = begun.straight('PATCH', { ...PIECE, 'Upload-Offset': String(offset) }, body.stream);
  return { body, answer };
}

const pieces = async (begun: Try) => (await begun.link.objects()).filter((key) => key.startsWith('tmp/'));

/** Everything that lies in the bucket for the link is in the row of its try. */
async function expectNothingLoose(begun: Try): Promise<void> {
  const row = await begun.row();
  const keys = row?.parts.map(({ key }) => key).sort();
  await expect.poll(async () => (await pieces(begun)).sort()).toEqual(keys);
  expect(row?.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(row?.offset);
}

async function expectPicture(link: TestLink, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  // By digest: comparing megabytes element by element takes seconds.
  await expect.poll(() => link.objects()).toHaveLength(1);
  expect(await sha256Hex(await pictureOf(link))).toBe(await sha256Hex(bytes));
}

describe('a line that breaks', () => {
  it.each([1, 1_000, MIB - 1, MIB, MIB + 1, 2 * MIB + 77])('after %i bytes keeps them', async (kept) => {
    const bytes = pngOf(3 * MIB);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    const answer = await begun.patch(0, streamOf(bytes.slice(0, kept), 50_000));
    expect(answer.status).toBe(204);
    const rest = streamOf(bytes.slice(kept), 10_000, 30_000);
    const broken = await begun.straight('PATCH', { ...PIECE, 'Upload-Offset': String(kept) }, rest);
    expect(broken).toMatchObject({ status: 400, body: { code: 'malformed_body' } });
    expect(await begun.offset()).toBe(kept + 30_000);
    await expectNothingLoose(begun);
    expect((await begun.patch(kept + 30_000, bytes.slice(kept + 30_000))).status).toBe(204);
    await expectPicture(begun.link, bytes);
  });

  it('after the very last byte has brought it all', async () => {
    const bytes = pngOf(MIB + 500);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    const all = streamOf(bytes, 50_000, bytes.length);
    expect((await begun.straight('PATCH', { ...PIECE, 'Upload-Offset': '0' }, all)).status).toBe(204);
    await expectPicture(begun.link, bytes);
  });
});

describe('two requests on one try', () => {
  it('bring it further once: the other is told so, and its pieces are deleted', async () => {
    const bytes = pngOf(3 * MIB);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    const slow = open(begun, 0);
    slow.body.write(bytes.slice(0, 100_000));
    expect((await begun.patch(0, bytes.slice(0, 400_000))).status).toBe(204);
    slow.body.write(bytes.slice(100_000, 2 * MIB + 9));
    const told = await slow.answer;
    expect(told.status).toBe(409);
    expect(told.body).toMatchObject({ code: 'offset_mismatch', offset: 400_000 });
    expect(await begun.offset()).toBe(400_000);
    await expectNothingLoose(begun);
    expect((await begun.patch(400_000, bytes.slice(400_000))).status).toBe(204);
    await expectPicture(begun.link, bytes);
  });

  it('bring it further once also when the slow one breaks', async () => {
    const bytes = pngOf(MIB);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    const slow = open(begun, 0);
    slow.body.write(bytes.slice(0, 5_000));
    expect((await begun.patch(0, bytes.slice(0, 70))).status).toBe(204);
    slow.body.break();
    expect((await slow.answer).status).toBe(409);
    expect(await begun.offset()).toBe(70);
    await expectNothingLoose(begun);
  });

  it('that both bring its last bytes end it once', async () => {
    const bytes = pngOf(2 * MIB);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    await begun.patch(0, bytes.slice(0, MIB + 9));
    const last = bytes.slice(MIB + 9);
    const answers = await Promise.all(Array.from({ length: 5 }, () => begun.patch(MIB + 9, last)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(204);
    expect(statuses.filter((status) => status !== 204 && status !== 409)).toEqual([]);
    expect((await begun.head()).headers.get('Upload-Offset')).toBe(String(bytes.length));
    await expect.poll(() => pieces(begun)).toEqual([]);
    await expectPicture(begun.link, bytes);
  });

  it('do not end it with a piece that is small parts no more', async () => {
    const bytes = pngOf(3_000);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    for (let at = 0; at < 8; at++) await begun.patch(at, bytes.slice(at, at + 1));
    // It knows the eight parts, and waits with the rest; meanwhile they become one.
    const old = open(begun, 8);
    old.body.write(bytes.slice(8, 100));
    await expect.poll(() => begun.offset()).toBe(8);
    expect((await begun.patch(8, bytes.slice(8, 9))).status).toBe(204);
    expect((await begun.row())?.parts).toHaveLength(1);
    old.body.write(bytes.slice(100));
    old.body.end();
    expect((await old.answer).status).toBe(409);
    expect(await begun.offset()).toBe(9);
    await expectNothingLoose(begun);
    expect((await begun.patch(9, bytes.slice(9))).status).toBe(204);
    await expectPicture(begun.link, bytes);
  });
});

describe('tries of one link', () => {
  it('that end at once: one wins, and nothing is left of the others', async () => {
    const count = soakOr(100, 12);
    const bytes = pngOf(200_000);
    const link = await TestLink.create();
    const tries = await Promise.all(Array.from({ length: 12 }, () => Try.begin(link, bytes.length)));
    await Promise.all(tries.map((begun, n) => begun.patch(0, bytes.slice(0, 1_000 * (n + 1)))));
    const answers = await Promise.all([
      ...tries.map((begun, n) => begun.patch(1_000 * (n + 1), bytes.slice(1_000 * (n + 1)))),
      ...Array.from({ length: count }, () => link.put(bytes)),
    ]);
    const won = answers.filter(({ status }) => status === 204 || status === 201);
    expect(won).toHaveLength(1);
    for (const { status } of answers) expect([201, 204, 409, 410]).toContain(status);
    await expect.poll(() => link.objects()).toHaveLength(1);
    await expectPicture(link, bytes);
  });

  it('wait for no one that stalls, and what it still sends is not kept', async () => {
    const bytes = pngOf(3 * MIB);
    const link = await TestLink.create();
    const stalled = await Try.begin(link, bytes.length);
    const { body, answer } = open(stalled, 0);
    body.write(bytes.slice(0, MIB + 5_000));
    await expect.poll(() => stalled.offset()).toBe(MIB);
    const quick = await Try.begin(link, bytes.length);
    expect((await quick.patch(0, bytes)).status).toBe(204);
    await expect.poll(() => link.objects()).toHaveLength(1);
    body.write(bytes.slice(MIB + 5_000, 2 * MIB + 5_000));
    body.end();
    expect((await answer).status).toBe(410);
    await expect.poll(() => link.objects()).toHaveLength(1);
    expect((await stalled.head()).status).toBe(410);
  });

  it('that one was ended while it was on its way leave nothing', async () => {
    const bytes = pngOf(3 * MIB);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    const { body, answer } = open(begun, 0);
    body.write(bytes.slice(0, MIB + 5_000));
    await expect.poll(() => begun.offset()).toBe(MIB);
    expect((await begun.send('DELETE')).status).toBe(204);
    body.write(bytes.slice(MIB + 5_000));
    body.end();
    expect((await answer).status).toBe(404);
    await expect.poll(() => begun.link.objects()).toEqual([]);
    expect((await begun.link.view()).status).toBe('pending');
  });
});

describe('a try that is ended while its last bytes are checked', () => {
  it('does not win', async () => {
    const bytes = pngOf(MIB + 500);
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    await begun.patch(0, bytes.slice(0, -100));
    const hops = installHops();
    const ended: number[] = [];
    hops.fate = async ({ method }): Promise<Fate> => {
      if (method === 'finishUpload') ended.push((await begun.send('DELETE')).status);
      return 'pass';
    };
    const last = await begun.patch(bytes.length - 100, bytes.slice(-100));
    expect(ended).toEqual([204]);
    expect(last).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await begun.head()).status).toBe(404);
    await expect.poll(() => begun.link.objects()).toEqual([]);
    expect((await begun.link.view()).status).toBe('pending');
    hops.fate = () => 'pass';
    expect((await begun.link.put(bytes)).status).toBe(201);
  });
});

describe('very many very small pieces', () => {
  it('that wait between full ones are joined where they are', { timeout: 120_000 }, async () => {
    const falling = Array.from({ length: 20 }, (_, n) => 2 ** (19 - n));
    const sizes = [...falling, MIB, ...falling, MIB, ...falling, MIB, 77];
    const bytes = pngOf(sizes.reduce((sum, size) => sum + size, 5_000));
    const begun = await Try.begin(await TestLink.create({ maxBytes: 8 * MIB }), bytes.length);
    let at = 0;
    const counts: number[] = [];
    for (const size of sizes) {
      expect((await begun.patch(at, bytes.slice(at, at + size))).status).toBe(204);
      at += size;
      counts.push((await begun.row())?.parts.length ?? 0);
    }
    expect(Math.max(...counts)).toBeGreaterThan(50);
    expect(counts.at(-1)).toBeLessThan(20);
    expect(await begun.offset()).toBe(at);
    await expectNothingLoose(begun);
    expect((await begun.patch(at, bytes.slice(at))).status).toBe(204);
    await expectPicture(begun.link, bytes);
  });

  it('are a short list, and the picture', { timeout: 120_000 }, async () => {
    const bytes = pngOf(soakOr(2_000, 250));
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    let most = 0;
    for (let at = 0; at < bytes.length; at++) {
      expect((await begun.patch(at, bytes.slice(at, at + 1))).status).toBe(204);
      if (at % 50 !== 0) continue;
      await expectNothingLoose(begun);
      most = Math.max(most, (await begun.row())?.parts.length ?? 0);
    }
    expect(most).toBeLessThan(24);
    expect(most).toBeGreaterThan(0);
    await expectPicture(begun.link, bytes);
  });
});

describe('a service that breaks', () => {
  const bytes = pngOf(MIB + 500);

  /** A try that has all but its last 100 bytes, and a control of every call from now on. */
  async function almost() {
    const begun = await Try.begin(await TestLink.create(), bytes.length);
    await begun.patch(0, bytes.slice(0, -100));
    return { begun, hops: installHops() };
  }

  it.each([
    ['before the picture is put', 'bucket', 'put'],
    ['before the pieces are read', 'bucket', 'get'],
    ['between the picture and its commit', 'shard', 'finishUpload'],
  ])('%s leaves the last bytes to be sent again', async (_name, to, method) => {
    const { begun, hops } = await almost();
    hops.fate = (hop) => (hop.to === to && hop.method === method ? 'lost' : 'pass');
    expect((await begun.patch(bytes.length - 100, bytes.slice(-100))).status).toBe(503);
    expect(await begun.offset()).toBe(bytes.length - 100);
    hops.fate = () => 'pass';
    expect((await begun.patch(bytes.length - 100, bytes.slice(-100))).status).toBe(204);
    await expect.poll(() => begun.link.objects()).toHaveLength(1);
    await expectPicture(begun.link, bytes);
  });

  it.each([
    ['answer_lost', 'finishUpload'],
    ['crash', 'finishUpload'],
    ['crash_after', 'finishUpload'],
  ] as const)('(%s of %s) ends the upload once', async (fate, method) => {
    const { begun, hops } = await almost();
    let broken = 0;
    hops.fate = (hop) => (hop.method === method && broken++ === 0 ? fate : 'pass');
    expect((await begun.patch(bytes.length - 100, bytes.slice(-100))).status).toBe(204);
    expect(broken).toBe(fate === 'answer_lost' ? 2 : 1);
    await expect.poll(() => begun.link.objects()).toHaveLength(1);
    await expectPicture(begun.link, bytes);
    expect(await begun.offset()).toBe(bytes.length);
  });

  it.each(['lost', 'answer_lost', 'crash', 'crash_after'] as const)(
    'while bytes are noted (%s) has them once',
    async (fate) => {
      const begun = await Try.begin(await TestLink.create(), bytes.length);
      for (let at = 0; at < 8; at++) await begun.patch(at, bytes.slice(at, at + 1));
      const hops = installHops();
      let broken = 0;
      hops.fate = (hop) => (hop.method === 'advanceTus' && broken++ === 0 ? fate : 'pass');
      // The ninth joins the eight: told again, it must not join them twice.
      expect((await begun.patch(8, bytes.slice(8, 9))).status).toBe(204);
      expect(broken).toBe(fate.includes('lost') ? 2 : 1);
      expect(await begun.offset()).toBe(9);
      await expectNothingLoose(begun);
      expect((await begun.patch(9, bytes.slice(9))).status).toBe(204);
      await expectPicture(begun.link, bytes);
    },
  );

  it('while a refused picture is cleared away, refuses it again', async () => {
    const text = new Uint8Array(2_000).fill(60);
    const begun = await Try.begin(await TestLink.create(), text.length);
    await begun.patch(0, text.slice(0, 1_000));
    const hops = installHops();
    hops.fate = (hop) => (hop.method === 'dropTus' ? 'lost' : 'pass');
    expect((await begun.patch(1_000, text.slice(1_000))).status).toBe(503);
    hops.fate = () => 'pass';
    expect((await begun.patch(1_000, text.slice(1_000))).status).toBe(415);
    expect((await begun.head()).status).toBe(404);
    expect(await begun.link.objects()).toEqual([]);
  });
});
