/** A model's prices as a grid of durations and resolutions. Pure. */

import * as z from 'zod';
import { dollarsOf, type Model, type ModelInput, type Price, type PriceTable } from '../models/model.ts';
import { valuesOf } from './parameters.ts';

/** What a video costs for each duration and resolution that the model makes. */
export interface PriceGrid {
  readonly resolutions: readonly string[];
  /** US dollars per second, by resolution. */
  readonly perSecond: readonly number[];
  readonly rows: readonly {
    /** Seconds. */
    readonly duration: number;
    /** By resolution; null where the model does not make this combination. */
    readonly prices: readonly (Price | null)[];
  }[];
}

/** The defaults of all fields that have one. */
function defaultsOf(shape: z.ZodRawShape): ModelInput {
  return Object.fromEntries(
    Object.entries(shape).flatMap(([name, field]) => {
      const parsed = z.safeParse(field, undefined);
      return parsed.success && parsed.data !== undefined ? [[name, parsed.data]] : [];
    }),
  );
}

/** The grid under the configured prices, which need not name every resolution. */
export function priceGrid(model: Model, configured: PriceTable): PriceGrid {
  const prices: PriceTable = { ...model.defaultPrices, ...configured };
  const resolutions = valuesOf(model.shape, 'resolution').map(String);
  const defaults = defaultsOf(model.shape);
  const priceAt = (duration: number, resolution: string): Price | null => {
    const input = { ...defaults, duration, resolution };
    return model.rules.every((rule) => rule.holds(input)) ? model.price(input, prices) : null;
  };
  return {
    resolutions,
    perSecond: resolutions.map((resolution) => dollarsOf(prices[resolution] ?? Number.NaN)),
    rows: valuesOf(model.shape, 'duration')
      .map(Number)
      .map((duration) => ({
        duration,
        prices: resolutions.map((resolution) => priceAt(duration, resolution)),
      })),
  };
}

/** Dollars with as many decimals as they need, and three at least, so that a column lines up: $0.288, $0.480. */
export function dollars(amount: number): string {
  const [whole = '0', fraction = ''] = amount.toFixed(6).replace(/0+$/, '').split('.');
  return `$${whole}.${fraction.padEnd(3, '0')}`;
}
