/** A load generator: some connections that each send one request after another, and every latency kept. */

import { Agent, request } from 'node:http';

/** One request to send again and again. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Bodies by number, so that no two are the same. */
  readonly body?: (n: number) => string;
  /** Path by number; the URL's own when left out. */
  readonly path?: (n: number) => string;
  /** The only status that counts. */
  readonly status: number;
  /** Sees each body, for what the next target needs. */
  readonly onBody?: (body: string) => void;
}

/** What one slice of load measured. */
export interface Slice {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array;
}

let sent = 0;

/**
 * Sends from `connections` connections for `seconds`.
 * @throws Error at the first answer with another status: a figure over errors means nothing.
 */
export async function load(target: Target, connections: number, seconds: number): Promise<Slice> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const connection = async () => {
    while (performance.now() < end) {
      const at = performance.now();
      await once(target, agent, sent++);
      latencies.push(performance.now() - at);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, connection));
  } finally {
    agent.destroy();
  }
  return {
    requests: latencies.length,
    seconds: (performance.now() - begin) / 1000,
    latencies: Float64Array.from(latencies).sort(),
  };
}

function once(target: Target, agent: Agent, n: number): Promise<void> {
  const url = new URL(target.url);
  const body = target.body?.(n);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: url.hostname,
        port: url.port,
        path: target.path?.(n) ?? url.pathname,
        method: target.method,
        headers: {
          ...target.headers,
          ...(body === undefined
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== target.status) {
            reject(new Error(`${target.name} answered ${response.statusCode}: ${text}`));
            return;
          }
          target.onBody?.(text);
          resolve();
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The latency below which the part `q` of all requests stayed, in ms. */
export function quantile(slice: Slice, q: number): number {
  const { latencies } = slice;
  return latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
