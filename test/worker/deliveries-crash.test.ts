import { describe, expect, it } from 'vitest';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { tick } from '../support/customer.ts';
import { type Fate, type Hop, installHops } from '../support/hops.ts';
import { SOAK } from '../support/soak.ts';
import { Endpoints, ok, status } from './deliveries-fixtures.ts';
import { MINUTE_MS, World } from './jobs-fixtures.ts';

const FATES = ['lost', 'answer_lost', 'crash', 'crash_after'] as const;
/** Calls of one event to two endpoints: two questions to the resolver and a request each, and a report of the one. */
const MAX_HOPS = 8;
/** Without a soak, every fourth: each call is met by some fate. */
const STEP = SOAK ? 1 : 4;
const MAX_MINUTES = 30;

/** The calls that deliveries make. */
const isOurs = ({ to, name, method }: Hop) =>
  (to === 'outside' && !name.includes('fal')) || method === 'report';

/** A look of the test itself may die with the object; it looks again. */
const isCrash = (): false => false;

describe('an event, whatever happens on its way', () => {
  const cases = FATES.flatMap((fate, offset) =>
    Array.from({ length: MAX_HOPS }, (_, n) => ({ n, fate })).filter(({ n }) => n % STEP === offset % STEP),
  );
  it.each([{ n: -1, fate: 'pass' as Fate }, ...cases])(
    'is delivered and logged when call $n is met by: $fate',
    async ({ n, fate }) => {
      const world = await World.create();
      const endpoints = await Endpoints.of(world);
      const events = ['job.created'] as const;
      const well = await endpoints.make(ok, { events });
      const leaving = await endpoints.make(status(410), { events });
      const hops = installHops();
      let seen = 0;
      hops.fate = (hop) => (isOurs(hop) && seen++ === n ? fate : 'pass');
      const { id } = await endpoints.submit();

      const isDone = async () => {
        const rows = await endpoints.deliveries();
        const [first, second] = await Promise.all([endpoints.view(well), endpoints.view(leaving)]);
        const ended = first.enabled && !second.enabled && rows.every(({ status: is }) => is !== 'pending');
        return ended && (await world.due()).every(({ kind }) => kind !== 'deliver' && kind !== 'report');
      };
      for (let minutes = 0; !(await isDone().catch(isCrash)); minutes++) {
        if (minutes > MAX_MINUTES) throw new Error(`stuck: ${JSON.stringify(await world.due())}`);
        await world.ring(MINUTE_MS).catch(isCrash);
        for (let turns = 0; turns < 50; turns++) await tick();
      }

      expect(await endpoints.delivery(id, 'c', well)).toMatchObject({ status: 'delivered' });
      expect(await endpoints.delivery(id, 'c', leaving)).toMatchObject({ status: 'failed', reason: 'gone' });
      for (const endpoint of [well, leaving]) {
        const { hits } = endpoint;
        expect(new Set(hits.map((hit) => hit.id))).toEqual(new Set([eventIdOf(id, 'c')]));
        expect(new Set(hits.map(({ text }) => text)).size).toBe(1);
        const logged = (await endpoints.delivery(id, 'c', endpoint))?.attempts ?? [];
        const answered = logged.filter(({ status_code }) => status_code !== null).length;
        // The one that an accident befell may have come without an answer that we could log.
        expect(answered).toBeGreaterThanOrEqual(1);
        expect(hits.length - answered).toBeLessThanOrEqual(1);
      }
      expect((await world.due()).filter(({ kind }) => kind === 'deliver' || kind === 'report')).toEqual([]);
      expect(await endpoints.view(leaving)).toMatchObject({ disabledReason: 'gone' });
    },
  );
});
