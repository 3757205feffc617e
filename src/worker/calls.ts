/** Calls to other objects: few at once, each bounded in time, each with a stub of its own. */

/** A call that was not answered in time. Whether it had its effect is not known. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
}

/**
 * The answer of `call`, or a {@link CallTimeout} after `ms` milliseconds. The call itself goes on, since RPC cannot be
 * taken back; what becomes of it is ignored.
 */
export function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
  const answer = call();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new CallTimeout(`no answer within ${ms} ms`)), ms);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      end();
    };
    answer.then(
      (value) => settle(() => resolve(value)),
      (cause: unknown) => settle(() => reject(cause)),
    );
  });
}

/**
 * Tries an idempotent call, and tries it once more when it broke, as it does when the object restarts. `call` must
 * get a fresh stub each time: a stub is dead after an exception. An overloaded object is not asked again, and neither
 * is one that did not answer in time: the caller has waited long enough.
 */
export async function twice<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CallTimeout || isOverloaded(error)) throw error;
    return await call();
  }
}

/** As {@link twice}, each try bounded by `ms` milliseconds. */
export function callTwice<T>(ms: number, call: () => Promise<T>): Promise<T> {
  return twice(() => within(ms, call));
}

/** Whether the platform refused a call because the object has too many already. Such a call must not be repeated. */
export function isOverloaded(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'overloaded' in error && error.overloaded === true;
}

/** Of the six requests that the platform lets one invocation wait for, one stays free for other work. */
export const CALLS_AT_ONCE = 5;

/** Runs `work` on each item, {@link CALLS_AT_ONCE} at once, and gives the results in the order of the items. */
export async function fewAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CALLS_AT_ONCE, items.length) }, lane));
  return results;
}
