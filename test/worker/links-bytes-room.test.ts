import { describe, expect, it, onTestFinished } from 'vitest';
import { type Room, requireRoom, takeRoom } from '../../src/worker/links/bytes/room.ts';
import { bucketThat, FORM_TYPE, formOf, pngOf, TestLink } from './links-bytes-fixtures.ts';
import { PIECE, Try } from './links-tus-fixtures.ts';
import { source } from './media-fixtures.ts';

const BODIES = 1_500;

/** Takes so many places, until the test is over. */
function occupied(count: number): Room[] {
  const rooms = Array.from({ length: count }, () => takeRoom());
  onTestFinished(() => {
    for (const room of rooms) room.leave();
  });
  return rooms;
}

describe('an isolate with too many bodies', () => {
  it('refuses the next before it reads, and takes it later', async () => {
    const link = await TestLink.create();
    const tried = await Try.begin(link, 2_000);
    const rooms = occupied(BODIES);
    const form = formOf([{ name: 'file', filename: 'a.png', type: 'image/png', value: pngOf(2_000) }]);
    const tus = { ...PIECE, 'Upload-Offset': '0' };
    for (const [method, size, headers, below] of [
      ['PUT', 2_000, {}, ''],
      ['POST', form.length, { 'Content-Type': FORM_TYPE }, ''],
      ['PATCH', 2_000, tus, tried.below],
    ] as const) {
      const unread = source(1_000, size);
      const answer = await link.straight({ method, headers, body: unread.stream }, {}, below);
      expect([answer.status, answer.body.code], method).toEqual([503, 'storage_unavailable']);
      expect(answer.headers.get('Retry-After')).toBe('10');
      expect(unread.given()).toBe(0);
    }
    expect(await link.objects()).toEqual([]);
    rooms[0]?.leave();
    rooms[1]?.leave();
    const sent = await link.straight({ method: 'POST', headers: { 'Content-Type': FORM_TYPE }, body: form });
    expect(sent.status, sent.text).toBe(201);
    // Both places are free again.
    rooms.push(takeRoom(), takeRoom());
    expect(requireRoom).toThrow();
  });

  it('still counts a body that has come, until it is stored', async () => {
    const link = await TestLink.create();
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const slow = bucketThat('put', async (put) => {
      reached.resolve();
      await gate.promise;
      return put();
    });
    const sending = link.straight({ method: 'PUT', body: pngOf(2_000) }, { BUCKET: slow });
    await reached.promise;
    occupied(BODIES - 1);
    expect(requireRoom).toThrow();
    gate.resolve();
    expect((await sending).status).toBe(201);
    requireRoom();
  });
});
