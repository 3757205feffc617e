/** Upload links of one customer, as the Worker asks their shard about them: no bytes but those that a test puts into R2. */

import { env } from 'cloudflare:workers';
import { onTestFinished } from 'vitest';
import type { Config, Env } from '../../src/worker/env.ts';
import { configOf } from '../../src/worker/env.ts';
import { mintId } from '../../src/worker/ids.ts';
import { LinkClient } from '../../src/worker/links/client.ts';
import type {
  CreateLink,
  FinishUploadOutcome,
  LinkSpec,
  LinkView,
  StartLinkOutcome,
  StoredImage,
} from '../../src/worker/links/contract.ts';
import { Lookup } from '../../src/worker/links/shard/lookup.ts';
import { modelOf } from '../../src/worker/models/index.ts';
import { admin, uniquePrompt } from '../support/customer.ts';
import { bucket, MINUTE_MS, type World } from './jobs-fixtures.ts';

export const config: Config = configOf(env as unknown as Env);
/** Until a link of these tests expires, unless a test says otherwise. */
export const LIFE_MS = 30 * MINUTE_MS;
export const RECEIVER = 'https://receiver.example.org';

const MODEL = 'ltx-2.3-image-to-video';
const SHA256 = 'ab'.repeat(32);

/** A link that was made. */
export interface Made {
  readonly id: string;
  /** Of its job. */
  readonly prompt: string;
}

export class Links {
  readonly world: World;
  readonly client: LinkClient;
  readonly keyHash: string;
  #attempts = 0;

  private constructor(world: World, keyHash: string) {
    this.world = world;
    this.keyHash = keyHash;
    this.client = new LinkClient(env as unknown as Env, world.customer.account);
  }

  static async of(world: World): Promise<Links> {
    return new Links(world, await world.keyHash());
  }

  mint(kind: 'up' | 'job'): string {
    return mintId(config.SIGNING_SECRETS, kind, this.client.shard, Date.now());
  }

  /** What makes a link, to be sent with `client.createLink`. */
  async command(spec: Partial<LinkSpec> = {}, more: Partial<CreateLink> = {}): Promise<CreateLink> {
    return {
      uploadId: this.mint('up'),
      keyHash: this.keyHash,
      spec: {
        expiresAt: Date.now() + LIFE_MS,
        maxBytes: 1_000_000,
        types: ['image/png', 'image/jpeg'],
        role: 'start',
        ...spec,
      },
      ...more,
    };
  }

  /** A link without a job. */
  async make(spec: Partial<LinkSpec> = {}): Promise<string> {
    const command = await this.command(spec);
    expectKind(await this.client.createLink(command), 'created');
    return command.uploadId;
  }

  /** A link whose upload starts a job of 29 credits, which stays with the upstream. */
  async makeWithJob(spec: Partial<LinkSpec> = {}): Promise<Made> {
    const prompt = uniquePrompt();
    this.world.upstream.plan(prompt, { status: ['running'] });
    return { id: await this.make({ job: jobOf(prompt), ...spec }), prompt };
  }

  /** A picture of an attempt of its own; in R2 when `stored`. */
  async picture(uploadId: string, { stored = false } = {}): Promise<StoredImage> {
    const attempt = String(++this.#attempts).padStart(16, '0');
    const key = `up/${this.world.customer.account}/${uploadId}/${attempt}`;
    if (stored) await bucket.put(key, 'picture');
    return { key, type: 'image/png', bytes: 7, width: 640, height: 480, sha256: SHA256 };
  }

  /** An upload of its own comes to its end. */
  async finish(uploadId: string, image?: StoredImage, attempt?: string): Promise<FinishUploadOutcome> {
    return this.client.finishUpload({
      uploadId,
      image: image ?? (await this.picture(uploadId)),
      jobId: this.mint('job'),
      ...(attempt === undefined ? {} : { attempt }),
    });
  }

  /** The owner orders the job's start. */
  async start(uploadId: string): Promise<StartLinkOutcome> {
    return this.client.startLink({ uploadId, keyHash: this.keyHash, jobId: this.mint('job') });
  }

  /** The link as its owner sees it. */
  async read(uploadId: string): Promise<LinkView> {
    const outcome = await this.client.link({ uploadId, keyHash: this.keyHash });
    return expectKind(outcome, 'found').link;
  }

  /** Everything in R2 that belongs to a link, in order. */
  async files(uploadId: string): Promise<string[]> {
    const { account } = this.world.customer;
    const pages = await Promise.all(
      ['tmp', 'up'].map((prefix) => bucket.list({ prefix: `${prefix}/${account}/${uploadId}/` })),
    );
    return pages.flatMap(({ objects }) => objects.map(({ key }) => key));
  }

  /** Puts an unfinished piece into R2. */
  async piece(uploadId: string, name: string): Promise<string> {
    const key = `tmp/${this.world.customer.account}/${uploadId}/${name}`;
    await bucket.put(key, 'piece');
    return key;
  }

  /** Jobs of the shard, and what its book holds for them. */
  async jobs(): Promise<{ ids: string[]; held: number }> {
    const rows = await this.world.sql<{ id: string }>('SELECT id FROM jobs ORDER BY id');
    return { ids: rows.map(({ id }) => id), held: (await this.world.book()).held ?? 0 };
  }
}

/** Lookups that have read a link and do not go on: what they have read gets old. */
export interface HeldLookups {
  /** How many wait. */
  readonly waiting: number;
  /** Those that begin from now on are not held. */
  pass(): void;
  /** Those that wait go on. */
  release(): void;
}

/** Holds lookups of one kind, for the running test. Tests and objects share one isolate. */
export function holdLookups(kind: 'owned' | 'held'): HeldLookups {
  const original = Lookup.prototype[kind];
  let [waiting, passing, released] = [0, false, false];
  const lookUp = original as (this: Lookup, ...args: unknown[]) => Promise<never>;
  Lookup.prototype[kind] = async function held(this: Lookup, ...args: unknown[]) {
    const found = await lookUp.apply(this, args);
    if (passing) return found;
    waiting++;
    // An object cannot be woken by what another context resolves.
    while (!released) await new Promise((resolve) => setTimeout(resolve, 1));
    return found;
  };
  onTestFinished(() => {
    released = true;
    Lookup.prototype[kind] = original as never;
  });
  return {
    get waiting() {
      return waiting;
    },
    pass: () => {
      passing = true;
    },
    release: () => {
      released = true;
    },
  };
}

/** Gives the world's customer more credits. */
export async function grantCredits(world: World, credits: number): Promise<void> {
  const reference = crypto.randomUUID();
  await admin('POST', `/accounts/${world.customer.account}/credits`, { credits, reference });
}

/** A job of 6 s at 1080p: 29 credits. */
export function jobOf(prompt: string): NonNullable<LinkSpec['job']> {
  const model = modelOf(MODEL);
  if (!model) throw new Error(`no model ${MODEL}`);
  const input = {
    prompt,
    duration: 6,
    resolution: '1080p',
    aspect_ratio: 'auto',
    fps: 25,
    generate_audio: true,
  };
  const price = model.price(input, model.defaultPrices);
  return {
    model: MODEL,
    input,
    usualMs: model.usualMs(input),
    credits: price.credits,
    cost: price.microDollars,
  };
}

/** The outcome, which must be of this kind. */
export function expectKind<O extends { readonly kind: string }, K extends O['kind']>(
  outcome: O,
  kind: K,
): Extract<O, { kind: K }> {
  if (outcome.kind !== kind) throw new Error(`not ${kind}: ${JSON.stringify(outcome)}`);
  return outcome as Extract<O, { kind: K }>;
}
