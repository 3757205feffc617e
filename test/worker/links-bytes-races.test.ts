import { describe, expect, it, onTestFinished } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { inSlot } from '../../src/worker/links/bytes/assemble.ts';
import { erasePrefix } from '../../src/worker/links/bytes/erase.ts';
import { gather, PART_BYTES } from '../../src/worker/links/bytes/gather.ts';
import { takeRoom } from '../../src/worker/links/bytes/room.ts';
import { soakOr } from '../support/soak.ts';
import { World } from './jobs-fixtures.ts';
import { type Answered, BUCKET, pngOf, TestLink } from './links-bytes-fixtures.ts';
import { jobOf } from './links-object-fixtures.ts';
import { brokenBucket, bucket, failureOf, source, streamOf } from './media-fixtures.ts';

const MIB = 1_048_576;

const codeOf = ({ status, body }: Answered) => `${status} ${body?.code ?? ''}`.trim();

function counted(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** A body of which nothing more comes until it is let go on. */
function stalling(bytes: Uint8Array<ArrayBuffer>): { body: ReadableStream<Uint8Array>; goOn: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const parts = [bytes.slice(0, -10), bytes.slice(-10)];
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (parts.length === 1) await promise;
        const part = parts.shift();
        if (part) controller.enqueue(part);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return { body, goOn: resolve };
}

describe('many uploads to one link', () => {
  it('leave one picture and one job, and tell the others so', async () => {
    const world = await World.create();
    const prompt = `race ${crypto.randomUUID()}`;
    world.upstream.plan(prompt, { status: ['running'] });
    const link = await TestLink.create({ job: jobOf(prompt) }, world.customer);
    const count = soakOr(1_000, 200);
    // Different pictures, so that the winner can be told.
    const bodies = Array.from({ length: count }, (_, i) => pngOf(3_000 + i));
    const answers = await Promise.all(bodies.map((body) => link.put(body)));
    const counts = counted(answers.map(codeOf));
    expect(counts['201']).toBe(1);
    const { '201': _, '409 upload_lost': lost = 0, '410 link_used': used = 0, ...others } = counts;
    expect(others).toEqual({});
    expect(lost + used).toBe(count - 1);

    const view = await link.view();
    expect(view.image?.bytes).toBe(bodies[answers.findIndex(({ status }) => status === 201)]?.length);
    await expect.poll(() => link.objects()).toEqual([view.image?.key]);
    await world.quiet();
    expect(view.start).toBe('started');
    const { held } = await world.customer.credits();
    expect(held).toBe(jobOf(prompt).credits);
    console.log(`${count} uploads`, counts);
  }, 300_000);

  it('in pieces, too', async () => {
    const link = await TestLink.create();
    const bodies = Array.from({ length: 12 }, (_, i) => pngOf(2 * MIB + i));
    const answers = await Promise.all(bodies.map((body) => link.put(body)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    const { image } = await link.view();
    await expect.poll(() => link.objects()).toEqual([image?.key]);
  });

  it('of which the first stalls: it blocks nobody, and loses when it goes on', async () => {
    const link = await TestLink.create();
    const { body, goOn } = stalling(pngOf(2 * MIB + 5_000));
    const first = link.straight({ method: 'PUT', body });
    await expect.poll(async () => (await link.objects()).length).toBeGreaterThan(0);
    expect((await link.put(pngOf(5_000))).status).toBe(201);
    goOn();
    expect(['409 upload_lost', '410 link_used']).toContain(codeOf(await first));
    const { image } = await link.view();
    expect(image?.bytes).toBe(5_000);
    await expect.poll(() => link.objects()).toEqual([image?.key]);
  });

  it('after a try that R2 failed: the next is taken', async () => {
    for (const method of ['put', 'get'] as const) {
      const link = await TestLink.create();
      const bytes = pngOf(2 * MIB + 5_000);
      const failed = await link.straight({ method: 'PUT', body: bytes }, { BUCKET: brokenBucket(method) });
      expect(codeOf(failed)).toBe('503 storage_unavailable');
      expect(failed.headers.get('Retry-After')).toBe('5');
      expect(await link.objects()).toEqual([]);
      expect((await link.put(bytes)).status).toBe(201);
    }
  });

  it('after a try whose pieces could not be deleted: they go with the next that wins', async () => {
    const link = await TestLink.create({ maxBytes: 3 * MIB });
    const refused = await link.straight(
      { method: 'PUT', body: streamOf(pngOf(3 * MIB + 1), 100_000) },
      { BUCKET: brokenBucket('delete') },
    );
    expect(codeOf(refused)).toBe('413 body_too_large');
    expect((await link.objects()).length).toBeGreaterThan(0);
    expect((await link.put(pngOf(5_000))).status).toBe(201);
    await expect.poll(async () => (await link.objects()).length).toBe(1);
  });
});

describe('gathering', () => {
  const unique = () => `tmp/test/${crypto.randomUUID()}/`;

  it.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 3 * PART_BYTES + 17])(
    '%i bytes are all there, in order, with their digest',
    async (size) => {
      const prefix = unique();
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const whole = new Uint8Array(size).map((_, i) => bytes[i % 65_521] as number);
      for (const stream of [streamOf(whole, 30_011), new Response(whole).body]) {
        const told: string[] = [];
        const gathered = await gather(stream, {
          bucket,
          prefix,
          offset: 100,
          limit: size,
          digest: 'SHA-256',
          onPart: async ({ key }) => {
            told.push(key);
          },
        });
        expect(gathered).toMatchObject({ kind: 'whole', bytes: size });
        expect(gathered.parts.length).toBe(size <= PART_BYTES ? 0 : Math.ceil(size / PART_BYTES) - 1);
        expect(gathered.parts.map(({ key }) => key)).toEqual(told);
        expect(gathered.parts.map(({ key }) => key.slice(prefix.length).replace(/-.*/, ''))).toEqual(
          gathered.parts.map((_, i) => String(100 + i * PART_BYTES)),
        );
        const stored = await Promise.all(
          gathered.parts.map(
            async ({ key }) =>
              new Uint8Array(await new Response((await BUCKET.get(key))?.body).arrayBuffer()),
          ),
        );
        const together = new Uint8Array(await new Blob([...stored, gathered.tail]).arrayBuffer());
        expect(await sha256Hex(together)).toBe(await sha256Hex(whole));
        expect(new Uint8Array(gathered.digest as ArrayBuffer)).toEqual(
          new Uint8Array(await crypto.subtle.digest('SHA-256', whole)),
        );
      }
      await erasePrefix(bucket, prefix);
      expect((await bucket.list({ prefix })).objects).toEqual([]);
    },
  );

  it('ends with a sender that is silent, and keeps what came', async () => {
    const stalled = stalling(pngOf(2 * MIB));
    const prefix = unique();
    const options = { bucket, prefix, offset: 0, limit: 9 * MIB, silenceMs: 20 };
    const gathered = await gather(stalled.body, options);
    expect(gathered).toMatchObject({ kind: 'ended_early', bytes: 2 * MIB - 10 });
    const over = AbortSignal.abort(new Error('over'));
    expect(await gather(source(1_000).stream, { ...options, signal: over })).toMatchObject({
      kind: 'ended_early',
      bytes: 0,
    });
    await erasePrefix(bucket, prefix);
  });

  it('fails with R2 and with whoever hears of a piece, and reads no further', async () => {
    const prefix = unique();
    const options = { bucket, prefix, offset: 0, limit: 99 * MIB };
    const endless = source(50_000);
    const failure = await failureOf(gather(endless.stream, { ...options, bucket: brokenBucket('put') }));
    expect(failure).toMatchObject({ tag: 'unavailable', part: 'storage' });
    expect(endless.given()).toBeLessThanOrEqual(2 * MIB + 100_000);
    expect(endless.canceled()).toBe(true);
    const another = source(50_000);
    const onPart = () => Promise.reject(new Error('conflict'));
    await expect(gather(another.stream, { ...options, onPart })).rejects.toThrow('conflict');
    expect(another.canceled()).toBe(true);
    await erasePrefix(bucket, prefix);
  });

  it('takes and reads less at once when many bodies come', async () => {
    const prefix = unique();
    const rooms = Array.from({ length: 1_400 }, () => takeRoom());
    onTestFinished(() => {
      for (const room of rooms) room.leave();
    });
    const bytes = pngOf(100_000);
    const gathered = await gather(new Response(bytes).body, { bucket, prefix, offset: 0, limit: 100_000 });
    expect(gathered.parts.map((part) => part.bytes)).toEqual(Array.from({ length: 6 }, () => 16_384));
    expect(gathered.tail).toEqual(bytes.slice(6 * 16_384));
    await erasePrefix(bucket, prefix);
  });
});

describe('slots for whole pictures', () => {
  it('are two', async () => {
    let now = 0;
    let most = 0;
    const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
    const all = gates.map(({ promise }) =>
      inSlot(async () => {
        most = Math.max(most, ++now);
        await promise;
        now--;
      }),
    );
    for (const { resolve } of gates) resolve();
    await Promise.all(all);
    expect([most, now]).toEqual([2, 0]);
    await expect(inSlot(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await inSlot(async () => 1)).toBe(1);
  });

  it('whose holders were ended are taken after a while', async () => {
    const hung = Promise.withResolvers<void>();
    const holders = [inSlot(() => hung.promise), inSlot(() => hung.promise)];
    onTestFinished(async () => {
      hung.resolve();
      await Promise.all(holders);
    });
    expect(
      await inSlot(
        async () => 'free',
        () => Date.now() + 31_000,
      ),
    ).toBe('free');
  });
});
