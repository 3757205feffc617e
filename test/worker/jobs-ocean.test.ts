import { describe, expect, it } from 'vitest';
import { tick } from '../support/customer.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { soakOr } from '../support/soak.ts';
import { cron } from '../support/time.ts';
import { HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';

const HOME = 'weur';
const FAR = 'apac';
const THERE = { 'X-Firstframe-Region': FAR };
/** While a call is on its way over the ocean, this many further submits come in. */
const SUBMITS_PER_CROSSING = 10;
/**
 * Looks without any progress, of a millisecond or more, after which those who have no answer are taken to wait for the
 * call under way, and not for a slow disk.
 */
const PATIENCE = 500;
/** The same where nobody is judged by it: in a cold region nearly all wait. */
const COLD_PATIENCE = 60;
/** Submits after which a region is warm: its leases follow its use. */
const WARM_UP = 40;
/** Of a hundred submits, how many may wait for a call to another region. */
const MOST_PERCENT = 5;

/** Whether a call leaves the far region: for the account, or for a directory that is not its own. */
function crosses(hop: Hop): boolean {
  if (hop.to === 'account') return ['learn', 'lease', 'settle'].includes(hop.method);
  return (
    hop.to === 'directory' && ['mark', 'unmark'].includes(hop.method) && hop.name !== `directory/${FAR}/0`
  );
}

/** The ocean: calls over it arrive when the test says so. */
class Ocean {
  /** Calls over it so far, by method. */
  readonly crossings: Record<string, number> = {};
  underWay = 0;
  /** Submits whose answer came only after a call over it had. */
  waited = 0;
  submits = 0;
  patience = PATIENCE;
  #arrived = 0;
  #sent = 0;

  constructor() {
    const hops = installHops();
    hops.fate = async (hop) => {
      if (crosses(hop)) {
        this.crossings[hop.method] = (this.crossings[hop.method] ?? 0) + 1;
        const ticket = ++this.#sent;
        this.underWay++;
        while (this.#arrived < ticket) await tick();
        this.underWay--;
      }
      return 'pass' as const;
    };
  }

  /** What is under way arrives. */
  arrive(): void {
    this.#arrived = this.#sent;
  }

  /** Submits at once, and counts those that get no answer while calls over the ocean do not arrive. */
  async submit(world: World, atOnce: number): Promise<void> {
    let answered = 0;
    const answers = Array.from({ length: atOnce }, () =>
      world.customer.submit({}, THERE).then((response) => {
        expect(response.status).toBe(202);
        answered++;
      }),
    );
    for (let looks = 0, before = 0; answered < atOnce && looks < this.patience; looks++) {
      await tick();
      if (answered !== before || this.underWay === 0) looks = 0;
      before = answered;
    }
    this.submits += atOnce;
    this.waited += atOnce - answered;
    // A second call may follow the first, for those whom it did not serve.
    while (answered < atOnce) {
      this.arrive();
      await tick();
    }
    await Promise.all(answers);
  }

  /** Lets go what is left, tells the figures since the last report, and begins anew. */
  async report(what: string): Promise<number> {
    while (this.underWay > 0) {
      this.arrive();
      await tick();
    }
    const percent = (100 * this.waited) / this.submits;
    const { submits, waited } = this;
    console.log({ event: 'ocean', what, submits, waited, percent, crossings: { ...this.crossings } });
    [this.submits, this.waited] = [0, 0];
    return percent;
  }
}

describe('submits from a region far from the account’s home wait for no call over the ocean:', () => {
  it.each([1, 8])(
    'many from a warm region, %i at once',
    async (atOnce) => {
      const count = soakOr(1_000, 80);
      const world = await World.create({ credits: 29 * count * 6, region: HOME });
      world.upstream.planAll({ status: ['running'] });
      const ocean = new Ocean();
      const submit = async (submits: number) => {
        for (let done = 0, sinceArrival = 0; done < submits; done += atOnce) {
          await ocean.submit(world, Math.min(atOnce, submits - done));
          sinceArrival += atOnce;
          if (ocean.underWay === 0) sinceArrival = 0;
          else if (sinceArrival >= SUBMITS_PER_CROSSING) ocean.arrive();
        }
      };
      ocean.patience = COLD_PATIENCE;
      await submit(WARM_UP);
      await ocean.report(`cold, ${atOnce} at once`);
      ocean.patience = PATIENCE;
      await submit(count);
      expect(await ocean.report(`warm, ${atOnce} at once`)).toBeLessThanOrEqual(MOST_PERCENT);
    },
    240_000,
  );

  it('isolated ones with an hour in between', async () => {
    const count = soakOr(100, 20);
    const world = await World.create({ credits: 29 * count * 6, region: HOME });
    world.upstream.planAll({ status: ['completed'] });
    const ocean = new Ocean();
    /** Cron has the time to wait for the ocean. */
    const pass = async (ms: number) => {
      world.clock.advance(ms);
      let over = false;
      const run = cron().then(() => {
        over = true;
      });
      while (!over) {
        ocean.arrive();
        await tick();
      }
      await run;
    };
    for (let done = 0; done < count; done++) {
      await ocean.submit(world, 1);
      await pass(2 * MINUTE_MS);
      await pass(10 * MINUTE_MS);
      await pass(HOUR_MS - 12 * MINUTE_MS);
      if (done === 0)
        expect((await world.sql('SELECT state FROM jobs', [], FAR))[0]).toEqual({ state: 'completed' });
    }
    expect(await ocean.report('isolated')).toBeLessThanOrEqual(MOST_PERCENT);
    // Each was charged, and the account's home has never taken a job in.
    expect(await world.credits()).toMatchObject({ held: 0, captured: 29 * count });
  }, 240_000);
});
