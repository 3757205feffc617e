import { beforeEach, expect, test, vi } from 'vitest';
import type { keepRoom, Room } from '../../src/worker/links/bytes/room.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const BODIES = 1_500;
const MINUTE_MS = 60_000;
const FULL = { failure: { tag: 'unavailable', part: 'storage', retryAfter: 10 } };

/** An isolate's room, as it is when the isolate begins. */
let isolate: typeof import('../../src/worker/links/bytes/room.ts');
beforeEach(async () => {
  // A module of its own for each test: what is counted is the isolate's.
  vi.resetModules();
  isolate = await import('../../src/worker/links/bytes/room.ts');
});

const many = (count: number, take: () => ReturnType<typeof keepRoom> = () => isolate.takeRoom()): Room[] =>
  Array.from({ length: count }, take);

test('few bodies have pieces of a megabyte, many have smaller ones, and fewer bytes are read at once', () => {
  const seen: unknown[] = [[isolate.pieceBytes(), isolate.chunkBytes()]];
  const rooms = many(100);
  seen.push([isolate.pieceBytes(), isolate.chunkBytes()]);
  rooms.push(...many(900));
  seen.push([isolate.pieceBytes(), isolate.chunkBytes()]);
  for (const room of rooms) room.leave();
  seen.push([isolate.pieceBytes(), isolate.chunkBytes()]);
  expect(seen).toEqual([
    [MIB, 64 * KIB],
    [111_848, 16 * KIB],
    [16 * KIB, 4 * KIB],
    [MIB, 64 * KIB],
  ]);
});

test('all bodies together, each with all that it may hold, fit into half of an isolate', () => {
  for (let bodies = 1; bodies <= BODIES; bodies++) {
    isolate.takeRoom();
    const each = 2 * isolate.pieceBytes() + isolate.chunkBytes();
    expect(bodies * each, `${bodies}`).toBeLessThanOrEqual(54 * MIB);
  }
});

test('bodies that came one by one, each with all that it could get, leave small pieces to the next', () => {
  const rooms: Room[] = [];
  let held = 0;
  for (let bodies = 1; bodies <= BODIES; bodies++) {
    const room = isolate.takeRoom();
    const bytes = isolate.pieceBytes() + isolate.chunkBytes();
    room.hold(bytes);
    held += bytes;
    rooms.push(room);
  }
  expect(held).toBeLessThanOrEqual(64 * MIB);
  for (const room of rooms.slice(1)) room.leave();
  expect(isolate.pieceBytes()).toBe(MIB);
});

test('memory that is held counts, whoever holds it', () => {
  const room = isolate.keepRoom(40 * MIB);
  expect(isolate.pieceBytes()).toBe(32 * KIB);
  room.hold(MIB);
  expect(isolate.pieceBytes()).toBe(MIB);
  room.hold(40 * MIB);
  room.leave();
  room.leave();
  room.hold(40 * MIB);
  expect(isolate.pieceBytes()).toBe(MIB);
});

test('one body more than there is room for is refused, until another has left', () => {
  const [first] = many(BODIES);
  expect(() => isolate.takeRoom()).toThrow(expect.objectContaining(FULL));
  expect(() => isolate.requireRoom()).toThrow(expect.objectContaining(FULL));
  // What is here already is counted, not refused.
  isolate.keepRoom(1).leave();
  first?.leave();
  isolate.takeRoom();
  expect(() => isolate.takeRoom()).toThrow(expect.objectContaining(FULL));
});

test('bodies that were ended without a word are forgotten, others are not', () => {
  let now = 0;
  const clock = () => now;
  const [living] = many(BODIES, () => isolate.takeRoom(clock));
  living?.hold(40 * MIB);
  now = 10 * MINUTE_MS;
  expect(() => isolate.requireRoom(clock)).toThrow(expect.objectContaining(FULL));
  living?.hold(40 * MIB);
  now++;
  isolate.requireRoom(clock);
  many(BODIES - 1, () => isolate.takeRoom(clock));
  expect(() => isolate.requireRoom(clock)).toThrow(expect.objectContaining(FULL));
  living?.leave();
  isolate.requireRoom(clock);
});
