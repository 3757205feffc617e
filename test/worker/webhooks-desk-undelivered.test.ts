import { describe, expect, it } from 'vitest';
import type { DeliveryStatus } from '../../src/worker/webhooks/contract.ts';
import { OWN_RECEIVER, receiverOf } from '../../src/worker/webhooks/ids.ts';
import { DayRows } from '../../src/worker/webhooks/shard/day-rows.ts';
import { Scan } from '../../src/worker/webhooks/shard/scan.ts';
import { MINUTE_MS } from './jobs-fixtures.ts';
import { DeskWorld } from './webhooks-desk-fixtures.ts';

const DAY_MS = 86_400_000;
/** More than two chunks of the walk over what did not arrive. */
const MISSED = 150;
const ARRIVED = 700;

/** The rows that a piece of work reads, as the platform bills them, and what it gives. */
function counted<T>(sql: SqlStorage, work: (sql: SqlStorage) => T): { result: T; rowsRead: number } {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  const exec = <R extends Record<string, SqlStorageValue>>(query: string, ...bindings: unknown[]) => {
    const cursor = sql.exec<R>(query, ...bindings);
    cursors.push(cursor as never);
    return cursor;
  };
  const result = work({ exec } as SqlStorage);
  return { result, rowsRead: cursors.reduce((sum, cursor) => sum + cursor.rowsRead, 0) };
}

/** A shard with many deliveries that arrived, and a few to each of three receivers that did not. */
async function start() {
  const desk = await DeskWorld.create();
  await desk.meet();
  const failing = await desk.endpoint(desk.receiver().url);
  const held = await desk.endpoint(desk.receiver().url);
  const at = Date.now() - 10 * DAY_MS;
  const many = (count: number, endpointId: string | null, status: DeliveryStatus) =>
    Array.from({ length: count }, (_, n) => ({ endpointId, status, at: at + n * MINUTE_MS }));
  await desk.seed(many(ARRIVED, failing, 'delivered'));
  const missed = [
    ...(await desk.seed(many(MISSED, failing, 'failed'))),
    ...(await desk.seed(many(3, held, 'held'))),
    ...(await desk.seed(many(2, null, 'failed'))),
  ];
  const inShard = <T>(work: (sql: SqlStorage) => T) =>
    desk.world.inShard((_, { storage }) => counted(storage.sql, work));
  return { desk, failing, held, missed, inShard };
}

describe('what did not arrive', () => {
  it('is found without reading what arrived, by a recovery', async () => {
    const { failing, missed, inShard } = await start();
    const { result, rowsRead } = await inShard((sql) =>
      new Scan(sql).oldestUndelivered(receiverOf(failing), '', 2_000).map(({ id }) => id),
    );
    expect(result).toEqual(missed.slice(0, MISSED));
    expect(rowsRead).toBeLessThan(2 * MISSED + 10);
  });

  it('is listed newest first over all receivers, page after page, without reading what arrived', async () => {
    const { desk, failing, held, missed, inShard } = await start();
    const all = missed.toSorted().toReversed();
    const { result, rowsRead } = await inShard((sql) =>
      [...new Scan(sql).newestUndelivered('dlv_', 'dlv_~')].map(({ id }) => id),
    );
    expect(result).toEqual(all);
    expect(rowsRead).toBeLessThan(2 * missed.length + 20);

    const failed = all.filter((id) => !id.endsWith(receiverOf(held)));
    const listed: string[] = [];
    for (let after: string | undefined; ; ) {
      const filter = { status: 'failed' } as const;
      const page = await desk.page({ filter, limit: 40, ...(after === undefined ? {} : { after }) });
      listed.push(...page.deliveries.map(({ deliveryId }) => deliveryId));
      if (page.next === null) break;
      after = page.next;
    }
    expect(listed).toEqual(failed);
    const filters = [
      [{ status: 'held' }, all.filter((id) => id.endsWith(receiverOf(held)))],
      [{ status: 'held', endpointId: failing }, []],
      [{ status: 'failed', endpointId: failing }, missed.slice(MISSED - 100, MISSED).toReversed()],
      [{ status: 'failed', event: 'job.created' }, []],
    ] as const;
    for (const [filter, expected] of filters) expect(await desk.ids({ filter })).toEqual(expected);
    expect(failed.filter((id) => id.endsWith(OWN_RECEIVER))).toHaveLength(2);
  });
});

describe('statistics', () => {
  it('tell when they are next to be forgotten by reading one row, and are then forgotten', async () => {
    const { desk, failing, held } = await start();
    const now = Date.now();
    const { result, rowsRead } = await desk.world.inShard((_, { storage }) => {
      const days = new DayRows(storage.sql, () => true);
      for (let ago = 0; ago < 40; ago++) {
        for (const endpointId of [failing, held]) {
          const delivered = endpointId === failing && ago > 2;
          days.add({ endpointId, at: now - ago * DAY_MS, delivered, durationMs: 5 });
        }
      }
      return counted(storage.sql, (sql) => new DayRows(sql, () => true).nextForgetAt());
    });
    const today = Math.floor(now / DAY_MS);
    expect(result).toBe((today - 39 + 30) * DAY_MS);
    expect(rowsRead).toBeLessThanOrEqual(1);
    const left = await desk.world.inShard((_, { storage }) => {
      const days = new DayRows(storage.sql, () => true);
      days.forgetBefore(now);
      return {
        rows: storage.sql.exec('SELECT * FROM endpoint_days').toArray().length,
        days: days.last(30, held, now).length,
        deliveredAt: [days.deliveredAt(failing), days.deliveredAt(held)],
        next: days.nextForgetAt(),
      };
    });
    expect(left).toEqual({
      rows: 60,
      days: 30,
      deliveredAt: [now - 3 * DAY_MS, null],
      next: (today + 1) * DAY_MS,
    });
  });
});
