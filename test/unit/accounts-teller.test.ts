import { expect, test } from 'vitest';
import { readBalance } from '../../src/worker/accounts/balance.ts';
import type { LeaseRequest, ShardBalance } from '../../src/worker/accounts/contract.ts';
import type { ShardTotals } from '../../src/worker/accounts/float.ts';
import { bookTotals, EMPTY_LINE, type ShardLine } from '../../src/worker/accounts/lease.ts';
import { Teller, type TellerBook } from '../../src/worker/accounts/teller.ts';
import { CALLS_AT_ONCE } from '../../src/worker/calls.ts';

class MemoryBook implements TellerBook {
  granted: number;
  readonly shards = new Map<string, ShardLine>();
  constructor(granted: number, shards: Record<string, number> = {}) {
    this.granted = granted;
    for (const [name, leased] of Object.entries(shards)) this.shards.set(name, { ...EMPTY_LINE, leased });
  }
  read = () => ({ granted: this.granted, shards: new Map(this.shards) });
  bookTotals = (shard: string, totals: ShardTotals) => {
    const line = bookTotals(this.line(shard), totals);
    this.shards.set(shard, line);
    return line;
  };
  addLease = (shard: string, credits: number) => {
    const line = this.line(shard);
    this.shards.set(shard, { ...line, leased: line.leased + credits });
  };
  line = (shard: string) => this.shards.get(shard) ?? EMPTY_LINE;
}

const totals = (received: number, returned = 0): ShardTotals => ({
  received,
  returned,
  captured: 0,
  releases: 0,
});
const ask = (shard: string, need: number, received = 0): LeaseRequest => ({
  shard,
  totals: totals(received),
  need,
  want: 0,
});

/** Recalls that wait until the test answers them. */
function recalls() {
  const open: { shard: string; leased: number; answer: (totals: ShardTotals | null) => void }[] = [];
  const recall = (shard: string, leased: number) =>
    new Promise<ShardTotals | null>((answer) => open.push({ shard, leased, answer }));
  return { open, recall };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('requests are served in the order in which they came, though later ones could be served at once', async () => {
  const book = new MemoryBook(60, { c: 50 });
  const { open, recall } = recalls();
  const teller = new Teller(book, recall);
  const order: string[] = [];
  const first = teller.lease(ask('a', 29)).then(() => order.push('a'));
  const second = teller.lease(ask('b', 5)).then(() => order.push('b'));
  await turn();
  expect(order).toEqual([]);
  expect(open.map(({ shard, leased }) => [shard, leased])).toEqual([['c', 50]]);
  open[0]?.answer(totals(50, 50));
  await Promise.all([first, second]);
  expect(order).toEqual(['a', 'b']);
  expect([book.line('a').leased, book.line('b').leased]).toEqual([29, 5]);
});

test('a grant that comes during a round is used after it', async () => {
  const book = new MemoryBook(50, { c: 50 });
  const { open, recall } = recalls();
  const lease = new Teller(book, recall).lease(ask('a', 29));
  await turn();
  book.granted += 100;
  open[0]?.answer(totals(50));
  expect(await lease).toEqual({
    kind: 'leased',
    leased: 29,
    returnedSeen: 0,
    exhausted: false,
    available: 71,
  });
});

test('a repeated request is told the same, and leased nothing more', async () => {
  const book = new MemoryBook(100);
  const teller = new Teller(book, recalls().recall);
  const answers = await Promise.all([teller.lease(ask('a', 29)), teller.lease(ask('a', 29))]);
  expect(answers.map((answer) => answer.kind === 'leased' && answer.leased)).toEqual([29, 29]);
});

test('one time-out answers all who wait for the same shard; who can be served is served', async () => {
  const book = new MemoryBook(60, { c: 50 });
  const { open, recall } = recalls();
  const teller = new Teller(book, recall);
  const leases = ['a', 'b', 'd'].map((shard, index) => teller.lease(ask(shard, index === 1 ? 10 : 29)));
  await turn();
  open[0]?.answer(null);
  expect((await Promise.all(leases)).map(({ kind }) => kind)).toEqual([
    'unreachable',
    'leased',
    'unreachable',
  ]);
  expect(open).toHaveLength(1);
});

test('a shard that failed for another is still asked about the others in its own turn', async () => {
  const book = new MemoryBook(100, { b: 50, c: 50 });
  const { open, recall } = recalls();
  const teller = new Teller(book, recall);
  const first = teller.lease(ask('a', 29));
  const second = teller.lease(ask('b', 29, 50));
  await turn();
  open[0]?.answer(null);
  open[1]?.answer(totals(50));
  expect(await first).toEqual({ kind: 'unreachable' });
  await turn();
  expect(open[2]?.shard).toBe('c');
  open[2]?.answer(totals(50, 29));
  expect(await second).toMatchObject({ kind: 'leased', leased: 79 });
});

test('an impossible claim breaks the call that waits for it, and no other', async () => {
  const book = new MemoryBook(50, { c: 50 });
  const { open, recall } = recalls();
  const teller = new Teller(book, recall);
  const broken = teller.lease(ask('a', 29));
  const next = teller.lease(ask('b', 29));
  await turn();
  open[0]?.answer(totals(51));
  await expect(broken).rejects.toThrow(RangeError);
  await turn();
  open[1]?.answer(totals(50, 50));
  expect(await next).toMatchObject({ kind: 'leased', leased: 29 });
});

test('a round keeps within the connections of one invocation', async () => {
  const names = Array.from({ length: 9 }, (_, index) => `s${index}`);
  const book = new MemoryBook(90, Object.fromEntries(names.map((name) => [name, 10])));
  let running = 0;
  let most = 0;
  const teller = new Teller(book, async () => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    return totals(10, 10);
  });
  expect(await teller.lease(ask('a', 90))).toMatchObject({ leased: 90 });
  expect(most).toBe(CALLS_AT_ONCE);
});

test('a balance asks a shard again that gave credits back behind its back', async () => {
  // The trap: b answers after it got what a gave back, so credits seem to be held twice.
  const book = new MemoryBook(30, { a: 30 });
  const asked: string[] = [];
  const before: ShardBalance = { float: 0, held: 30, totals: totals(30) };
  const after: ShardBalance = { float: 0, held: 0, totals: totals(30, 30) };
  const credits = await readBalance(book, async (shard) => {
    asked.push(shard);
    if (asked.length > 1) return shard === 'a' ? after : { float: 0, held: 30, totals: totals(30) };
    queueMicrotask(() => {
      book.bookTotals('a', totals(30, 30));
      book.addLease('b', 30);
    });
    return before;
  });
  expect(credits).toEqual({ available: 0, held: 30, captured: 0 });
  expect(asked.sort()).toEqual(['a', 'a', 'b']);
});

test('a balance needs no call when no shard can have credits', async () => {
  const book = new MemoryBook(100, { a: 40 });
  book.bookTotals('a', { received: 40, returned: 10, captured: 30, releases: 0 });
  const credits = await readBalance(book, () => Promise.reject(new Error('nobody is to be asked')));
  expect(credits).toEqual({ available: 70, held: 0, captured: 30 });
});

test('a balance without a shard would be wrong, so there is none', async () => {
  expect(await readBalance(new MemoryBook(100, { a: 40 }), async () => null)).toBeNull();
});
