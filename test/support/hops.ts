/**
 * Every call between the Worker and its objects, and every write to R2, under the test's control: counted, lost on the
 * way there, lost on the way back, or the end of every object in memory. Tests, Worker and objects share one isolate,
 * so a patch of the bindings' prototypes reaches them all.
 */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, onTestFinished } from 'vitest';
import { until } from './scripted-upstream-script.ts';

/** One call of an object's method, of R2, or of `fetch`. */
export interface Hop {
  /** `shard`, `account`, `directory`, `bucket`, `outside`. */
  readonly to: 'shard' | 'account' | 'directory' | 'bucket' | 'outside';
  /** The object's name, R2 key, or URL. */
  readonly name: string;
  readonly method: string;
}

/**
 * What becomes of a call. `lost`: it never arrives. `answer_lost`: it is carried out, and the caller gets an error.
 * `crash`: every object that the test has met loses its memory before the call arrives; `crash_after`: after it was
 * carried out.
 */
export type Fate = 'pass' | 'lost' | 'answer_lost' | 'crash' | 'crash_after';

export interface Hops {
  /** Every hop so far, in order. */
  readonly log: Hop[];
  /** Decides the fate of each hop from now on. */
  fate: (hop: Hop, index: number) => Fate | Promise<Fate>;
  /** Forgets the log; indexes begin at 0 again. */
  clear(): void;
}

/** `get` of every namespace, as it was before a test took control. */
const getObject = Object.getPrototypeOf(env.SHARDS).get as DurableObjectNamespace['get'];

/** The objects that the test has met, by name. */
const met = new Map<string, () => DurableObjectStub>();
beforeEach(() => met.clear());

/** An object's stub for the test's own looks, whose calls are not hops. The object is one that dies in a crash. */
export function stubOf<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  name: string,
): DurableObjectStub<T> {
  const get = () => getObject.call(namespace, namespace.idFromName(name));
  met.set(name, get);
  return get() as DurableObjectStub<T>;
}

/** Crashes that calls have asked for, and those that are over. */
let [asked, over] = [0, 0];

/** Calls that are being carried out, and end in a crash. */
const coming = new Set<Hop>();

/** Resolves when no crash is under way, or to come: what comes next meets objects that have begun anew. */
export const crashOver = () => until(() => coming.size === 0 && over === asked);

/** An object loses its memory, in the middle of whatever it does. */
export async function crash(stub: DurableObjectStub): Promise<void> {
  // An object that is aborted cannot answer: the rejection is the crash.
  await runInDurableObject(stub, (_, state) => state.abort('crash of the test')).catch(() => undefined);
}

/**
 * A crash of every object that the test has met, for who is in the middle of a call. The test carries it out, not the
 * caller, which may be an object that dies: workerd itself may die of an object that is aborted by its own call ("Promise
 * callback destroyed itself").
 */
function installCrash(): () => Promise<void> {
  let finished = false;
  const carryOut = async () => {
    for (;;) {
      await until(() => finished || over < asked);
      if (over === asked) return;
      const upTo = asked;
      await Promise.all([...met.values()].map((stub) => crash(stub())));
      // Whatever was under way in an object is gone with it.
      coming.clear();
      over = upTo;
    }
  };
  const carriedOut = carryOut();
  onTestFinished(() => {
    finished = true;
    coming.clear();
    return carriedOut;
  });
  return async () => {
    const mine = ++asked;
    await until(() => over >= mine);
  };
}

/** Installs the control for the running test. Install it after `installUpstream`, so that `fetch` is seen too. */
export function installHops(): Hops {
  const hops: Hops = { log: [], fate: () => 'pass', clear: () => void hops.log.splice(0) };
  const restore: (() => void)[] = [];
  const crashAll = installCrash();

  const control = async <T>(hop: Hop, carryOut: () => Promise<T>): Promise<T> => {
    hops.log.push(hop);
    const fate = await hops.fate(hop, hops.log.length - 1);
    if (fate === 'lost') throw new Error(`lost on the way to ${hop.to}.${hop.method}`);
    if (fate === 'crash') await crashAll();
    if (fate === 'crash_after') coming.add(hop);
    try {
      const answer = await carryOut();
      if (fate === 'answer_lost') throw new Error(`answer of ${hop.to}.${hop.method} lost`);
      if (fate === 'crash_after') await crashAll();
      return answer;
    } finally {
      coming.delete(hop);
    }
  };

  const prototype = Object.getPrototypeOf(env.SHARDS);
  const get = prototype.get;
  prototype.get = function patched(this: unknown, id: DurableObjectId, options: unknown) {
    const stub = get.call(this, id, options);
    const name = id.name ?? '';
    met.set(name, () => get.call(this, id, options));
    const to = name.startsWith('directory/') ? 'directory' : name.includes('/') ? 'shard' : 'account';
    return new Proxy(stub, {
      get(target, method) {
        const member = target[method];
        if (typeof member !== 'function' || typeof method !== 'string' || method === 'then') return member;
        return (...args: unknown[]) => control({ to, name, method }, () => target[method](...args));
      },
    });
  };
  restore.push(() => {
    prototype.get = get;
  });

  const bucket = Object.getPrototypeOf(env.BUCKET);
  for (const method of ['put', 'get', 'head', 'delete'] as const) {
    const original = bucket[method];
    bucket[method] = function patched(this: unknown, key: unknown, ...rest: unknown[]) {
      return control({ to: 'bucket', name: String(key), method }, () => original.call(this, key, ...rest));
    };
    restore.push(() => {
      bucket[method] = original;
    });
  }

  const fetchBefore = globalThis.fetch;
  globalThis.fetch = ((input: RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init);
    const hop: Hop = { to: 'outside', name: request.url, method: request.method };
    return control(hop, () => fetchBefore(request));
  }) as typeof fetch;
  restore.push(() => {
    globalThis.fetch = fetchBefore;
  });

  onTestFinished(() => {
    for (const undo of restore) undo();
  });
  return hops;
}
