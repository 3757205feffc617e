/** The shard's one alarm: never later than the earliest due work, and armed before work begins. */

import type { DueTable } from './due.ts';
import { ALARM_LEASE_MS } from './schedule.ts';

/** Pause before work that a restart cut short, in ms: a job that brings its object down does so every two seconds at most. */
const RECOVER_MS = 2_000;

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

  /**
   * The run is over: ring for what is due next, or not at all. Call it after the pump was kicked at `now` or later:
   * what is due by then and not claimed waits for room, and whoever makes room starts it. To ring for it at once would
   * ring without end for as long as a receiver hangs. What comes due meanwhile rings at its time: a job does not wait
   * with the receiver's events.
   */
  async rest(now: number): Promise<void> {
    const next = this.#due.nextAt();
    if (next !== null) {
      const at =
        next > now
          ? next
          : Math.min(now + ALARM_LEASE_MS, this.#due.nextAfter(now) ?? Number.POSITIVE_INFINITY);
      if (at !== this.#armedAt) this.#set(at);
      return;
    }
    this.#armedAt = Number.POSITIVE_INFINITY;
    await this.#storage.deleteAlarm();
  }

  /** Arms anew if the alarm that we believe in is gone, or should have rung. Call it like {@link rest}. */
  async repair(now: number): Promise<void> {
    const armedFor = await this.#storage.getAlarm();
    if (armedFor !== null && armedFor >= now) return;
    this.#armedAt = undefined;
    await this.rest(now);
  }

  /** Work was under way when the object last ended: ring soon, whoever comes first. */
  recover(now: number): void {
    this.#set(now + RECOVER_MS);
  }

  /** What we believed was armed has been rolled back. */
  forget(): void {
    this.#armedAt = undefined;
  }

  #set(at: number): void {
    this.#armedAt = at;
    void this.#storage.setAlarm(at);
  }
}
