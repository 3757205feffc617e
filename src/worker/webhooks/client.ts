/** The Worker's side of an account's deliveries: one shard, or the list over all of them. */

import { callTwice, fewAtOnce } from '../calls.ts';
import type { Env } from '../env.ts';
import type { ShardRef } from '../ids.ts';
import { shardStub } from '../objects.ts';
import type {
  DeliveryOutcome,
  DeliveryQuery,
  DeliveryShard,
  EndpointStatsOutcome,
  EndpointStatsQuery,
  ListDeliveries,
  ListDeliveriesOutcome,
  RecoverEndpoint,
  RecoverOutcome,
  ResendOutcome,
  TestEndpoint,
  TestOutcome,
} from './contract.ts';
import { mergePages } from './pages.ts';

/** Longest wait for a shard's answer, in ms: it may have to ask the account about a key, and the directory. */
const CALL_MS = 15_000;

/** Calls with fresh stubs, retried: a resend that was carried out twice is one more try of the same event. */
export class DeliveryClient implements DeliveryShard {
  readonly #env: Env;
  readonly #shard: ShardRef;

  constructor(env: Env, shard: ShardRef) {
    this.#env = env;
    this.#shard = shard;
  }

  deliveries(query: ListDeliveries): Promise<ListDeliveriesOutcome> {
    return callTwice(CALL_MS, () => this.#stub().deliveries(query));
  }

  delivery(query: DeliveryQuery): Promise<DeliveryOutcome> {
    return callTwice(CALL_MS, () => this.#stub().delivery(query));
  }

  resend(query: DeliveryQuery): Promise<ResendOutcome> {
    return callTwice(CALL_MS, () => this.#stub().resend(query));
  }

  recover(command: RecoverEndpoint): Promise<RecoverOutcome> {
    return callTwice(CALL_MS, () => this.#stub().recover(command));
  }

  testEndpoint(command: TestEndpoint): Promise<TestOutcome> {
    return callTwice(CALL_MS, () => this.#stub().testEndpoint(command));
  }

  endpointStats(query: EndpointStatsQuery): Promise<EndpointStatsOutcome> {
    return callTwice(CALL_MS, () => this.#stub().endpointStats(query));
  }

  #stub() {
    return shardStub(this.#env, this.#shard);
  }
}

/**
 * A page of the account's deliveries over `shards`, newest first. It may be empty and have more behind it: each shard
 * looks at so many of its deliveries for a page and no more.
 * @throws when a shard cannot be reached: without it the list would have holes.
 */
export async function listDeliveries(
  env: Env,
  shards: readonly ShardRef[],
  query: ListDeliveries,
): Promise<ListDeliveriesOutcome> {
  const outcomes = await fewAtOnce(shards, (shard) => new DeliveryClient(env, shard).deliveries(query));
  const refusal = outcomes.find((outcome) => outcome.kind !== 'page');
  if (refusal) return refusal;
  const pages = outcomes.filter((outcome) => outcome.kind === 'page');
  return { kind: 'page', ...mergePages(pages, query.limit) };
}
