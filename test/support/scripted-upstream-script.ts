/** Which step comes next, and the answers that mean the same for every call. */

import {
  type Answer,
  ConnectionLost,
  FOREIGN_ORIGIN,
  type JobPlan,
  json,
} from './scripted-upstream-steps.ts';

/** The real timer, kept before a test may fake it. */
const realSetTimeout = globalThis.setTimeout;

/**
 * Resolves as soon as `condition` holds. It looks on a timer of the caller's own, since workerd does not wake one
 * request by a promise that another one resolves.
 * @throws the signal's reason.
 */
export async function until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
  while (!condition()) {
    signal?.throwIfAborted();
    await new Promise((resolve) => realSetTimeout(resolve, 1));
  }
}

/** What a well-behaved upstream does. */
const WELL_BEHAVED = {
  submit: ['accept'],
  status: ['queued', 'running', 'completed'],
  result: ['video'],
  file: ['mp4'],
  cancel: ['cancel'],
} as const satisfies JobPlan;

type StepKind = keyof typeof WELL_BEHAVED;
type Step<Kind extends StepKind> = NonNullable<JobPlan[Kind]>[number];

/** One chunk of a huge body: 64 KiB of white space, so that a JSON parser would wait for the end. */
const HUGE_CHUNK = new Uint8Array(65_536).fill(0x20);

export class Script {
  /** Bytes of `huge` bodies that readers have taken. */
  hugeBytes = 0;
  readonly #plans = new Map<string, JobPlan>();
  #fallback: JobPlan = {};
  #jwks: Answer[] = [];
  /** By kind and job: the list that is being followed and how many of its steps were taken. */
  readonly #cursors = new Map<string, { steps: readonly unknown[]; taken: number }>();
  #hung = 0;
  #released = 0;

  /** Sets the plan of one prompt, or with null of all that have none. */
  set(prompt: string | null, plan: JobPlan): void {
    if (prompt === null) this.#fallback = plan;
    else this.#plans.set(prompt, plan);
  }

  planOf(prompt: string): JobPlan {
    return this.#plans.get(prompt) ?? this.#fallback;
  }

  /** The step for this call. `job` tells jobs with one prompt apart. */
  next<Kind extends StepKind>(kind: Kind, prompt: string, job: string): Step<Kind> {
    const steps: readonly Step<Kind>[] = this.planOf(prompt)[kind] ?? WELL_BEHAVED[kind];
    const name = `${kind} ${job}`;
    const before = this.#cursors.get(name);
    const taken = before?.steps === steps ? before.taken : 0;
    this.#cursors.set(name, { steps, taken: taken + 1 });
    const step = steps[Math.min(taken, steps.length - 1)];
    if (step === undefined) throw new TypeError(`the plan of "${prompt}" has no step for ${kind}`);
    return step;
  }

  /** Whether the plan of this prompt says anything about `kind`. */
  plans(kind: StepKind, prompt: string): boolean {
    return this.planOf(prompt)[kind] !== undefined;
  }

  setJwks(answers: readonly Answer[]): void {
    this.#jwks = [...answers];
  }

  /** The scripted answer of the JWKS endpoint, or undefined for the truth. */
  nextJwks(): Answer | undefined {
    return this.#jwks.shift();
  }

  /** Waits for the next `release()`. @throws the signal's reason. */
  async hold(signal?: AbortSignal): Promise<void> {
    const ticket = ++this.#hung;
    await until(() => this.#released >= ticket, signal);
  }

  release(): void {
    this.#released = this.#hung;
  }

  get holding(): boolean {
    return this.#hung > this.#released;
  }

  /** Renders a general answer; `natural` is what a released `hang` answers. */
  async render(
    answer: Answer,
    signal: AbortSignal,
    natural: () => Response | Promise<Response>,
  ): Promise<Response> {
    switch (answer) {
      case 'lost':
        throw new ConnectionLost();
      case 'hang':
        await this.hold(signal);
        return natural();
      case 'garbage':
        return new Response('<html>not { json', { headers: { 'content-type': 'application/json' } });
      case 'huge':
        return new Response(this.#endless(), { headers: { 'content-type': 'application/json' } });
      case 'redirect':
        return new Response(null, { status: 307, headers: { location: `${FOREIGN_ORIGIN}/elsewhere` } });
      default:
        return json(answer.body ?? {}, answer.status, answer.headers);
    }
  }

  #endless(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: (controller) => {
        this.hugeBytes += HUGE_CHUNK.length;
        controller.enqueue(HUGE_CHUNK.slice());
      },
    });
  }
}
