/**
 * What is remembered of the hosts that customers named: which of them answered last time, and which let us wait until the
 * time was over. In memory: after a restart each may take one try's time to show itself.
 */

import { MAX_HUNG, MAX_OF_KIND, MAX_PER_HOST } from './schedule.ts';

/** Hosts that are remembered, those heard of last: a job may name any. */
const MAX_LANES = 1_000;

/** Which lanes a claim leaves alone, or takes alone. */
export interface LaneChoice {
  /** Lanes that have no room. */
  readonly except: readonly string[];
  /** Only work in these. Absent: whoever waits longest. */
  readonly only?: readonly string[];
}

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
   * What the next claim may take, while work in the lanes `running` is under way. Lanes that hang share {@link MAX_HUNG}
   * places, however many they are. And the last place is kept for lanes that are known to answer, once there are any:
   * receivers that have never been tried may all hang, and one that is well must not wait for the end of that.
   */
  choose(running: readonly string[]): LaneChoice {
    const count = new Map<string, number>();
    for (const lane of running) if (lane !== '') count.set(lane, (count.get(lane) ?? 0) + 1);
    const full = [...count].filter(([, n]) => n >= MAX_PER_HOST).map(([lane]) => lane);
    const hung = running.filter((lane) => this.#inTime.get(lane) === false).length;
    const except = hung >= MAX_HUNG ? [...new Set([...full, ...this.#lanes(false)])] : full;
    const unproven = running.filter((lane) => lane !== '' && this.#inTime.get(lane) !== true).length;
    const answering = unproven >= MAX_OF_KIND.deliver - 1 ? this.#lanes(true) : [];
    return answering.length > 0 ? { except, only: answering } : { except };
  }

  #lanes(inTime: boolean): string[] {
    return [...this.#inTime].filter(([, known]) => known === inTime).map(([lane]) => lane);
  }
}
