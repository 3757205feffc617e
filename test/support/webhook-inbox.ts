/** A customer's webhook receiver that keeps everything it got. Verifying is left to the libraries that customers use. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';

/** One request as it came. */
export interface Delivery {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A receiver that listens on this machine. */
export interface WebhookInbox {
  readonly url: string;
  /** Everything that was taken so far, in the order it came. */
  readonly deliveries: readonly Delivery[];
  /** Those that the check refused. */
  readonly refused: readonly { readonly delivery: Delivery; readonly cause: unknown }[];
  /** Waits until each job has an event, and gives the ids under which each job's events came. */
  idsOf(jobIds: readonly string[]): Promise<Map<string, Set<string>>>;
  close(): Promise<void>;
}

/** How long events may take: the first retry of one whose sender was killed comes with the next start. */
const PATIENCE_MS = 120_000;

/**
 * Listens. `check` looks at each delivery as it comes, while its timestamp is fresh: one at which it throws is answered
 * with 400 and kept with the reason.
 */
export async function openWebhookInbox(check?: (delivery: Delivery) => unknown): Promise<WebhookInbox> {
  const deliveries: Delivery[] = [];
  const refused: WebhookInbox['refused'][number][] = [];
  const take = (delivery: Delivery): number => {
    try {
      check?.(delivery);
      deliveries.push(delivery);
      return 204;
    } catch (cause) {
      refused.push({ delivery, cause });
      return 400;
    }
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const body = Buffer.concat(chunks).toString('utf8');
      response.writeHead(take({ id: headers['webhook-id'] ?? '', headers, body })).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ids = () => {
    const byJob = new Map<string, Set<string>>();
    for (const { id, body } of deliveries) {
      const { data } = JSON.parse(body) as { data: { job_id: string } };
      byJob.set(data.job_id, (byJob.get(data.job_id) ?? new Set()).add(id));
    }
    return byJob;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    refused,
    async idsOf(jobIds) {
      await expect
        .poll(() => jobIds.filter((jobId) => !ids().has(jobId)), { timeout: PATIENCE_MS })
        .toEqual([]);
      return ids();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
