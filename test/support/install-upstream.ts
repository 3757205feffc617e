/**
 * Routes all outbound requests of a worker test to a {@link ScriptedUpstream}.
 *
 * Why a stub of `fetch` and not Miniflare's `outboundService`: tests, Worker and Durable Objects run in one isolate, so
 * a stub of `globalThis.fetch` reaches them all, and the test holds the very object that answers: it scripts,
 * counts and releases without a message between processes. `outboundService` works too (its handler runs in Node) and
 * is worth setting as a second net that answers everything with an error, but it cannot share the script.
 * What a stub does not see: `fetch` of a binding or a stub, and code that keeps `fetch` in a constant at load time.
 *
 * Questions to the resolver are answered too: every name has one public address unless the test scripts it otherwise.
 */

import { onTestFinished, vi } from 'vitest';
import { ScriptedDns } from './dns.ts';
import { ScriptedUpstream, type ScriptedUpstreamOptions } from './upstream.ts';

/** Answers the requests of one test to a host that is no upstream, such as a customer's webhook receiver. */
export type Receiver = (request: Request) => Response | Promise<Response>;

export interface InstallOptions extends ScriptedUpstreamOptions {
  /** By origin, such as `https://customer.test`. */
  readonly receivers?: Readonly<Record<string, Receiver>>;
}

/** What is installed while a test runs. */
export interface InstalledUpstream {
  readonly upstream: ScriptedUpstream;
  /** What names resolve to. */
  readonly dns: ScriptedDns;
  /** Requests to anybody else, as `METHOD url`. A test that means one takes it out, else it fails. */
  readonly unhandled: string[];
  /** Adds or replaces the receiver of an origin. */
  receive(origin: string, receiver: Receiver): void;
}

/**
 * Installs an upstream for the running test. A request to anybody else throws where it is made and, since code
 * under test may well survive that, fails the test when it has finished. Call it inside a test or `beforeEach`.
 */
export function installUpstream(options: InstallOptions = {}): InstalledUpstream {
  const upstream = new ScriptedUpstream(options);
  const dns = new ScriptedDns();
  const receivers = new Map(Object.entries(options.receivers ?? {}));
  const unhandled: string[] = [];
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init);
    const receiver = receivers.get(new URL(request.url).origin);
    if (receiver) return receiver(request);
    if (dns.owns(request.url)) return dns.handle(request);
    if (upstream.owns(request.url)) return upstream.handle(request);
    unhandled.push(`${request.method} ${request.url}`);
    throw new TypeError(`no receiver for ${request.method} ${request.url}`);
  });
  onTestFinished(() => {
    // What still hangs goes on, so that no request outlives its test for want of an answer.
    upstream.release();
    spy.mockRestore();
    if (unhandled.length > 0) throw new Error(`unhandled outbound requests: ${unhandled.join(', ')}`);
  });
  return {
    upstream,
    dns,
    unhandled,
    receive: (origin, receiver) => {
      receivers.set(origin, receiver);
    },
  };
}
