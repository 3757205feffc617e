/** What a model is to the service. A new model is one file beside this one and one line in `index.ts`. Pure. */

import type * as z from 'zod';

/** Micro-dollars per second of video, by resolution. */
export type PriceTable = Readonly<Record<string, number>>;

/** What a job costs. */
export interface Price {
  readonly microDollars: number;
  /** US dollars, at most six decimals. */
  readonly costUsd: number;
  /** 1 credit = $0.01, rounded up per job. */
  readonly credits: number;
}

/** A model's parsed input without its images, which travel apart: see `JobImages`. */
export type ModelInput = Readonly<Record<string, unknown>>;

/** A condition between fields. Judged whenever the fields that it needs are right, whatever else is wrong. */
export interface Rule {
  readonly needs: readonly string[];
  /** The field that the error names. */
  readonly field: string;
  readonly message: string;
  holds(input: ModelInput): boolean;
}

/** One entry of the catalogue. */
export interface Model {
  /** Stands in the path, the prices and the docs: `POST /api/{id}`. */
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** The upstream's endpoint id. */
  readonly endpoint: string;
  /** The input's fields, in the order of the docs. `image_url` and `end_image_url` are the image fields. */
  readonly shape: z.ZodRawShape;
  readonly rules: readonly Rule[];
  /** Used where the configuration names no price. */
  readonly defaultPrices: PriceTable;
  /** The price of a valid input. */
  price(input: ModelInput, prices: PriceTable): Price;
  /** How long upstream usually takes for this input, in ms: polls begin around then. */
  usualMs(input: ModelInput): number;
  /** The upstream's input, with image URLs that the upstream can fetch. */
  upstreamInput(input: ModelInput, images: UpstreamImages): Record<string, unknown>;
}

/** Image URLs that the upstream can fetch. */
export interface UpstreamImages {
  readonly start: string;
  readonly end?: string;
}

/** Micro-dollars per credit: 1 credit = $0.01. */
const MICRO_DOLLARS_PER_CREDIT = 10_000;
const MICRO_DOLLARS_PER_DOLLAR = 1_000_000;

/** Micro-dollars as dollars. */
export function dollarsOf(microDollars: number): number {
  return microDollars / MICRO_DOLLARS_PER_DOLLAR;
}

/** A price in integer micro-dollars as dollars and whole credits, rounded up. */
export function priceOf(microDollars: number): Price {
  return {
    microDollars,
    costUsd: dollarsOf(microDollars),
    credits: Math.ceil(microDollars / MICRO_DOLLARS_PER_CREDIT),
  };
}
