import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveryStore, DueDelivery } from './deliveries.ts';
import { type Log, messageOf } from './log.ts';
import { isLoopbackUrl } from './loopback.ts';
import { webhookBody } from './replies.ts';
import type { RequestStore } from './requests.ts';
import type { WebhookSigner } from './signing.ts';
import { type DeliveryResult, deliveryTimeoutMs, nextTryAt, verdictOn } from './webhook-schedule.ts';

/** What the sender works with. */
export interface WebhookParts {
  readonly deliveries: DeliveryStore;
  readonly requests: RequestStore;
  readonly signer: WebhookSigner;
  readonly log: Log;
  /** The engine's own base URL, for links in the payload. */
  readonly base: () => string;
}

/** Webhooks in flight at once. A receiver that hangs holds one of them for a while. */
const MAX_IN_FLIGHT = 8;

/** How long to wait before the database is read again where it failed, in milliseconds. */
const STORE_RETRY_MS = 2_000;

/** The longest that one timer can run, in milliseconds: 2^31 - 1 is Node's limit, an hour is plenty. */
const MAX_TIMER_MS = 3_600_000;

/**
 * Sends the webhooks that are owed: at least once each, signed afresh on each try, to this machine only. What is owed
 * is in the database; a try that was cut off by the death of the engine is made again.
 */
export class WebhookSender {
  readonly #parts: WebhookParts;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
  }

  /** Sends what is due and sets the clock for what comes next. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    clearTimeout(this.#timer);
    try {
      const now = Date.now();
      const { deliveries } = this.#parts;
      const room = MAX_IN_FLIGHT - this.#inFlight.size;
      for (const delivery of deliveries.due(now, new Set(this.#inFlight.keys()), room)) this.#start(delivery);
      const next = deliveries.nextDueAfter(now);
      if (next !== undefined) this.#arm(next - now);
    } catch (error) {
      this.#parts.log({ level: 'error', event: 'webhooks_unreadable', message: messageOf(error) });
      this.#arm(STORE_RETRY_MS);
    }
  }

  /** Breaks off what is in flight; it is owed still. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await Promise.all(this.#inFlight.values());
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => this.wake(), Math.min(ms, MAX_TIMER_MS));
  }

  #start(delivery: DueDelivery): void {
    const work = async () => {
      try {
        await this.#deliver(delivery);
      } catch (error) {
        this.#parts.log({
          level: 'error',
          event: 'webhook_unsettled',
          request_id: delivery.request_id,
          message: messageOf(error),
        });
        await this.#pause();
      } finally {
        this.#inFlight.delete(delivery.request_id);
      }
    };
    this.#inFlight.set(
      delivery.request_id,
      work().then(() => this.wake()),
    );
  }

  /** Keeps a delivery that failed here, not at its receiver, from being tried again at once. */
  async #pause(): Promise<void> {
    const signal = this.#closing.signal;
    if (!signal.aborted) await delay(STORE_RETRY_MS, undefined, { signal }).catch(() => signal.aborted);
  }

  async #deliver({ request_id, app, url, attempts }: DueDelivery): Promise<void> {
    const { deliveries, requests, log, base } = this.#parts;
    const request = requests.find(app, request_id);
    if (!request) return;
    if (!isLoopbackUrl(url)) {
      deliveries.attempted(request_id, undefined);
      log({ level: 'warn', event: 'webhook_not_loopback', request_id });
      return;
    }
    const body = JSON.stringify(webhookBody(base(), request));
    const result = await this.#post(url, request_id, body, deliveryTimeoutMs(attempts));
    if (this.#closing.signal.aborted && result === 'no_answer') return;
    const verdict = verdictOn(result);
    const next = verdict === 'retry' ? nextTryAt(attempts + 1, Date.now()) : undefined;
    deliveries.attempted(request_id, next);
    log({
      level: verdict === 'delivered' ? 'info' : 'warn',
      event: 'webhook_tried',
      request_id,
      verdict: verdict === 'retry' && next === undefined ? 'give_up' : verdict,
      attempt: attempts + 1,
      status: result === 'no_answer' ? undefined : result.status,
    });
  }

  async #post(url: string, requestId: string, body: string, timeoutMs: number): Promise<DeliveryResult> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'firstframe-engine',
          ...this.#parts.signer.sign(requestId, body, Date.now()),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      return { status: response.status };
    } catch (error) {
      this.#parts.log({
        level: 'warn',
        event: 'webhook_no_answer',
        request_id: requestId,
        message: messageOf(error),
      });
      return 'no_answer';
    }
  }
}
