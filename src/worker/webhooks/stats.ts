/** What the shards of an account know of one endpoint, as one. Pure. */

import type * as z from 'zod';
import type { EndpointStats } from './contract.ts';
import type { WebhookEndpointStats } from './delivery-answer.ts';

const DAY_MS = 86_400_000;

/** Which endpoint, and of how many days. */
export interface StatsOf {
  readonly endpointId: string;
  /** Whole UTC days, the present one included. */
  readonly days: number;
  /** The present, in ms. */
  readonly now: number;
}

/** The statistics as they are answered, of what each shard has told. */
export function statsBody(
  parts: readonly EndpointStats[],
  { endpointId, days, now }: StatsOf,
): z.infer<typeof WebhookEndpointStats> {
  const today = Math.floor(now / DAY_MS);
  const perDay = Array.from({ length: days }, (_, ago) => dayBody(parts, today - ago));
  const delivered = latest(parts.map(({ lastDeliveredAt }) => lastDeliveredAt));
  // One that a shard has delivered to since is not failing, whatever the other shards have seen of it.
  const failing = parts
    .map(({ failingSince }) => failingSince)
    .filter((since) => since !== null && since > (delivered ?? Number.NEGATIVE_INFINITY));
  return {
    endpoint_id: endpointId,
    delivered: sum(perDay.map((day) => day.delivered)),
    failed: sum(perDay.map((day) => day.failed)),
    last_delivered_at: isoOrNull(delivered),
    failing_since: isoOrNull(earliest(failing)),
    days: perDay,
  };
}

function dayBody(parts: readonly EndpointStats[], day: number) {
  const ofDay = parts.flatMap((part) => part.days.filter((one) => one.day === day));
  const delivered = sum(ofDay.map((one) => one.delivered));
  const failed = sum(ofDay.map((one) => one.failed));
  const tries = delivered + failed;
  const duration = sum(ofDay.map((one) => one.durationMs));
  return {
    date: new Date(day * DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length),
    delivered,
    failed,
    average_duration_ms: tries === 0 ? null : Math.round(duration / tries),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
