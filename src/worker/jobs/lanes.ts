/**
 * What is remembered of the hosts that customers named: which of them answered last time, and which let us wait until the
 * time was over. In memory: after a restart each may take one try's time to show itself.
 */

import type { LaneFilter } from './due.ts';
import { MAX_HUNG, MAX_OF_KIND, MAX_PER_HOST } from './schedule.ts';

/** Hosts that are remembered, those heard of last: a job may name any. */
const MAX_LANES = 1_000;

export class Lanes {
  /** Whether the last try was answered in time, by lane; the longest unheard of first. */
  readonly #inTime = new Map<string, boolean>();

  /** A try has ended. */
  heard(lane: string, inTime: boolean): void {
    if (lane === '') return;
    this.#inTime.delete(lane);
    this.#inTime.set(lane, inTime);
    const oldest = this.#inTime.keys().next().value;
    if (this.#inTime.size > MAX_LANES && oldest !== undefined) this.#inTime.delete(oldest);
  }

  /**
   * What the next claim may take, the first of these that there is anything of, while work in the lanes `running` is under
   * way. Lanes that hang share {@link MAX_HUNG} places, however many they are. And the last place is kept for lanes that are
   * known to answer, once there are any: receivers that have never been tried may all hang, and one that is well must not
   * wait for the end of that. Among those it goes first to one that is not being tried, since hosts that begin to hang are
   * known to answer until their time is over.
   */
  choose(running: readonly string[]): LaneFilter[] {
    const count = new Map<string, number>();
    for (const lane of running) if (lane !== '') count.set(lane, (count.get(lane) ?? 0) + 1);
    const full = [...count].filter(([, n]) => n >= MAX_PER_HOST).map(([lane]) => lane);
    const named = running.filter((lane) => lane !== '');
    const isLast = named.length >= MAX_OF_KIND.deliver - 1;
    const answering = isLast ? this.#lanes(true) : [];
    const hung = named.filter((lane) => this.#inTime.get(lane) === false).length;
    const except = hung >= MAX_HUNG ? [...new Set([...full, ...this.#lanes(false)])] : full;
    const idle = answering.filter((lane) => !count.has(lane));
    const isKept = answering.length > 0 && named.every((lane) => this.#inTime.get(lane) !== true);
    return [...(idle.length > 0 ? [{ only: idle }] : []), isKept ? { except, only: answering } : { except }];
  }

  #lanes(inTime: boolean): string[] {
    return [...this.#inTime].filter(([, known]) => known === inTime).map(([lane]) => lane);
  }
}
