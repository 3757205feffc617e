/** The shard's one alarm: never later than the earliest due work, and armed before work begins. */

import type { DueTable } from './due.ts';
import { ALARM_LEASE_MS } from './schedule.ts';

export class Alarm {
  readonly #storage: DurableObjectStorage;
  readonly #due: DueTable;
  /** Undefined after a start: then the due table tells. Setting an alarm is a row written, so it is not set twice. */
  #armedAt: number | undefined;

  constructor(storage: DurableObjectStorage, due: DueTable) {
    this.#storage = storage;
    this.#due = due;
  }

  /**
   * Sees to it that the alarm rings for work due at `at`. Work due now is being pumped; the alarm behind it is for the
   * case that this process dies. Not awaited: the platform's output gate holds every answer until the write is durable.
   */
  cover(at: number, now: number): void {
    const wanted = at > now ? at : now + ALARM_LEASE_MS;
    if (this.#armedAt === undefined) this.#set(Math.min(wanted, this.#due.nextAt() ?? wanted));
    else if (wanted < this.#armedAt) this.#set(wanted);
  }

  /** The alarm rings: whatever happens to this run, there is another. */
  lease(now: number): void {
    this.#set(now + ALARM_LEASE_MS);
  }

  /** The run is over: ring for what is due next, or not at all. */
  async rest(now: number): Promise<void> {
    const next = this.#due.nextAt();
    if (next !== null) {
      this.#set(Math.max(next, now + 1));
      return;
    }
    this.#armedAt = Number.POSITIVE_INFINITY;
    await this.#storage.deleteAlarm();
  }

  #set(at: number): void {
    this.#armedAt = at;
    void this.#storage.setAlarm(at);
  }
}
