/** `npm run admin -- prices`: what fal asks now beside what we ask, since fal has changed its prices before. */

import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import * as z from 'zod';
import { MODELS } from '../../worker/models/index.ts';
import { dollarsOf, type Model, type PriceTable } from '../../worker/models/model.ts';
import { CliError, messageOf } from '../errors.ts';
import { framedTable, type Terminal } from '../terminal.ts';

const FAL_API = 'https://api.fal.ai/v1';
const TIMEOUT_MS = 20_000;

/** fal's price of one endpoint. */
export interface UpstreamPrice {
  /** Dollars per unit. */
  readonly unitPrice: number;
  /** In fal's words, such as `seconds`. */
  readonly unit: string;
}

/** Our price beside fal's. */
export type Comparison =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'other_unit'; readonly upstream: UpstreamPrice }
  | {
      readonly kind: 'compared';
      readonly upstream: UpstreamPrice;
      /** Dollars per second at the lowest resolution, which is the one that fal's unit price is for. */
      readonly ours: number;
      readonly belowCost: boolean;
    };

/** Adds the subcommand. */
export function addPrices(admin: Command, terminal: Terminal): void {
  admin
    .command('prices')
    .description("compare fal's live prices (needs FAL_KEY) with those of wrangler.toml")
    .addOption(new Option('--fal-api <url>').default(FAL_API).hideHelp())
    .action(async (options: { falApi: string }) => {
      const key = process.env.FAL_KEY;
      if (!key) throw new CliError('fal tells its prices to customers alone.', { hint: 'Set FAL_KEY.' });
      const answer = await fetchPrices(
        options.falApi,
        key,
        MODELS.map((model) => model.endpoint),
      );
      const configured = await configuredPrices();
      report(
        terminal,
        MODELS.map((model) => ({
          model,
          comparison: compare(model, configured[model.id], upstreamPrice(answer, model.endpoint)),
        })),
      );
    });
}

async function fetchPrices(api: string, key: string, endpoints: readonly string[]): Promise<unknown> {
  const url = new URL(`${api}/models/pricing`);
  for (const endpoint of endpoints) url.searchParams.append('endpoint_id', endpoint);
  try {
    const response = await fetch(url, {
      headers: { Authorization: `Key ${key}` },
      // The key goes to fal and to nobody that fal names.
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 401 || response.status === 403)
      throw new CliError('fal does not accept this FAL_KEY.');
    if (!response.ok) throw new CliError(`fal answered ${response.status} to the question for its prices.`);
    return await response.json();
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`fal's prices cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

const Entry = z.object({
  endpoint_id: z.string(),
  unit_price: z.coerce.number().nonnegative(),
  unit: z.string().default('unknown unit'),
});

/** The entry of `endpoint` wherever it stands in fal's answer, whose outer shape is not promised. Pure. */
export function upstreamPrice(answer: unknown, endpoint: string): UpstreamPrice | null {
  if (typeof answer !== 'object' || answer === null) return null;
  const entry = Entry.safeParse(answer);
  if (entry.success) {
    return entry.data.endpoint_id === endpoint
      ? { unitPrice: entry.data.unit_price, unit: entry.data.unit }
      : null;
  }
  for (const part of Object.values(answer)) {
    const found = upstreamPrice(part, endpoint);
    if (found) return found;
  }
  return null;
}

/** Whether we sell below cost. Pure. */
export function compare(
  model: Pick<Model, 'defaultPrices'>,
  configured: PriceTable | undefined,
  upstream: UpstreamPrice | null,
): Comparison {
  if (!upstream) return { kind: 'unknown' };
  if (!/^(per )?(video )?sec(ond)?s?$/i.test(upstream.unit.trim())) return { kind: 'other_unit', upstream };
  const ours = dollarsOf(Math.min(...Object.values({ ...model.defaultPrices, ...configured })));
  return { kind: 'compared', upstream, ours, belowCost: ours < upstream.unitPrice };
}

/** `PRICES` of the project's own configuration. */
async function configuredPrices(): Promise<Record<string, PriceTable>> {
  const { unstable_readConfig } = await import('wrangler');
  const path = fileURLToPath(new URL('../../../wrangler.toml', import.meta.url));
  return z
    .record(z.string(), z.record(z.string(), z.number()))
    .catch({})
    .parse(unstable_readConfig({ config: path }).vars.PRICES);
}

function report(terminal: Terminal, rows: readonly { model: Model; comparison: Comparison }[]): void {
  const table = framedTable(['endpoint', 'fal', 'ours']);
  for (const { model, comparison } of rows) {
    const fal =
      comparison.kind === 'unknown'
        ? 'not told'
        : `$${comparison.upstream.unitPrice} per ${comparison.upstream.unit}`;
    const ours =
      comparison.kind === 'compared' ? `$${comparison.ours} per second, at the lowest resolution` : '';
    table.push([model.endpoint, fal, ours]);
  }
  terminal.say(table.toString());
  for (const { model, comparison } of rows) {
    if (comparison.kind === 'unknown') terminal.warn(`fal names no price for ${model.endpoint}.`);
    if (comparison.kind === 'other_unit') {
      terminal.warn(`fal charges ${model.endpoint} by the ${comparison.upstream.unit}: compare by hand.`);
    }
    if (comparison.kind === 'compared' && comparison.belowCost) {
      terminal.warn(
        `We sell ${model.id} below cost: raise PRICES."${model.id}" in wrangler.toml and deploy.`,
      );
    }
  }
}
