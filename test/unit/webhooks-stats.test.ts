import { describe, expect, it } from 'vitest';
import type { EndpointStats } from '../../src/worker/webhooks/contract.ts';
import { WebhookEndpointStats } from '../../src/worker/webhooks/delivery-answer.ts';
import { statsBody } from '../../src/worker/webhooks/stats.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 9, 3, 12);
const TODAY = Math.floor(NOW / DAY_MS);

const part = (fields: Partial<EndpointStats>): EndpointStats => ({
  days: [],
  lastDeliveredAt: null,
  failingSince: null,
  ...fields,
});
const of = (parts: readonly EndpointStats[], days = 3) =>
  statsBody(parts, { endpointId: 'ep_7h2k9x4rq5w8', days, now: NOW });

describe('the statistics of an endpoint', () => {
  it('are those of all shards together, day by day, and of no day that was not asked for', () => {
    const stats = of([
      part({
        days: [
          { day: TODAY, delivered: 2, failed: 1, durationMs: 300 },
          { day: TODAY - 2, delivered: 1, failed: 0, durationMs: 40 },
          { day: TODAY - 3, delivered: 9, failed: 9, durationMs: 9 },
        ],
      }),
      part({ days: [{ day: TODAY, delivered: 0, failed: 1, durationMs: 101 }] }),
    ]);
    expect(WebhookEndpointStats.parse(stats)).toEqual(stats);
    expect(stats).toMatchObject({ delivered: 3, failed: 2 });
    expect(stats.days).toEqual([
      { date: '2026-10-03', delivered: 2, failed: 2, average_duration_ms: 100 },
      { date: '2026-10-02', delivered: 0, failed: 0, average_duration_ms: null },
      { date: '2026-10-01', delivered: 1, failed: 0, average_duration_ms: 40 },
    ]);
  });

  it.each<[string, readonly Partial<EndpointStats>[], number | null, number | null]>([
    ['nothing was ever sent', [{}, {}], null, null],
    ['no shard knows of it', [], null, null],
    ['the latest delivery of any shard', [{ lastDeliveredAt: 5 }, { lastDeliveredAt: 9 }, {}], 9, null],
    ['failing since the first shard saw it', [{ failingSince: 20 }, { failingSince: 10 }], null, 10],
    ['failing again after a delivery', [{ lastDeliveredAt: 5, failingSince: 20 }], 5, 20],
    ['not failing where another shard delivers', [{ failingSince: 10 }, { lastDeliveredAt: 15 }], 15, null],
    [
      'failing since a shard saw it after the last delivery of another',
      [{ failingSince: 10 }, { lastDeliveredAt: 15 }, { failingSince: 20 }],
      15,
      20,
    ],
  ])('say since when it fails: %s', (_, parts, delivered, failing) => {
    const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    expect(of(parts.map(part))).toMatchObject({
      last_delivered_at: iso(delivered),
      failing_since: iso(failing),
    });
  });
});
