/** What a model is to the service. A new model is one file beside this one and one line in `index.ts`. Pure. */

import type * as z from 'zod';

/** Micro-dollars per second of video, by resolution. */
export type PriceTable = Readonly<Record<string, number>>;

/** What a job costs. */
export interface Price {
  /** US dollars, at most six decimals. */
  readonly costUsd: number;
  /** 1 credit = $0.01, rounded up per job. */
  readonly credits: number;
}

/** The parts of a model's input that the service itself looks at. */
export interface CommonInput {
  readonly prompt: string;
  readonly image_url: string;
  readonly end_image_url?: string | undefined;
}

/** One entry of the catalogue. */
export interface Model<Input extends CommonInput = CommonInput> {
  /** Stands in the path, the prices and the docs: `POST /api/{id}`. */
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** The upstream's endpoint id. */
  readonly endpoint: string;
  /** The input, strict: an unknown field is an error. Without the service's own fields. */
  readonly schema: z.ZodType<Input>;
  /** Used where the configuration names no price. */
  readonly defaultPrices: PriceTable;
  /** The price of a valid input. */
  price(input: Input, prices: PriceTable): Price;
  /** How long upstream usually takes for this input, in ms: polls begin around then. */
  usualMs(input: Input): number;
  /** The upstream's input, with image URLs that the upstream can fetch. */
  upstreamInput(input: Input, images: { readonly start: string; readonly end?: string }): Record<string, unknown>;
}

/** Micro-dollars per credit: 1 credit = $0.01. */
const MICRO_DOLLARS_PER_CREDIT = 10_000;
const MICRO_DOLLARS_PER_DOLLAR = 1_000_000;

/** A price in integer micro-dollars as dollars and whole credits, rounded up. */
export function priceOf(microDollars: number): Price {
  return {
    costUsd: microDollars / MICRO_DOLLARS_PER_DOLLAR,
    credits: Math.ceil(microDollars / MICRO_DOLLARS_PER_CREDIT),
  };
}
