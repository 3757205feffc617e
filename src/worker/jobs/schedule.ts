/** When things happen: polls, retries, claims, deadlines. Pure; milliseconds throughout. */

/** The first poll comes this much after the usual time: the upstream's own callback usually comes first. */
const FIRST_POLL_FACTOR = 1.25;
/** Never sooner than this: a status call right after a submit tells nothing. */
const MIN_FIRST_POLL_MS = 3_000;
/** Never later than this: a callback may have been lost, and the upstream keeps a result for an hour at most. */
const MAX_FIRST_POLL_MS = 120_000;
/** Polls are this share of the time already waited apart, so a job costs a handful of them, however long it takes. */
const POLL_SHARE = 0.25;
const MIN_POLL_GAP_MS = 3_000;
const MAX_POLL_GAP_MS = 60_000;

/** When a job accepted at `submittedAt` is first asked for. */
export function firstPoll(submittedAt: number, usualMs: number): number {
  return submittedAt + clamp(usualMs * FIRST_POLL_FACTOR, MIN_FIRST_POLL_MS, MAX_FIRST_POLL_MS);
}

/** When a job that is still running at `now` is asked for again. */
export function nextPoll(job: { readonly submittedAt: number | null }, now: number): number {
  const waited = now - (job.submittedAt ?? now);
  return now + clamp(waited * POLL_SHARE, MIN_POLL_GAP_MS, MAX_POLL_GAP_MS);
}

/** First delay of a retry. Doubles each time. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 60_000;
/** Half the width of the jitter: ±20 %, so that jobs that failed together do not return together. */
const JITTER = 0.2;
/** The longest Retry-After that is honoured. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Delay before try number `attempts` + 1. Never shorter than what the other side asked for. `random` is in [0, 1). */
export function backoff(retry: {
  readonly attempts: number;
  readonly random: number;
  readonly retryAfterMs?: number;
}): number {
  const plain = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(retry.attempts - 1, 16));
  const jittered = plain * (1 + JITTER * (2 * retry.random - 1));
  return Math.round(Math.max(jittered, Math.min(retry.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)));
}

function clamp(value: number, low: number, high: number): number {
  return Math.round(Math.min(high, Math.max(low, value)));
}

/** Kinds of due work: a job's steps, deliveries and their recoveries, reports to the account, the shard's own upkeep, and starts of jobs by uploads. */
export const DUE_KINDS = [
  'submit',
  'poll',
  'result',
  'cancel',
  'copy',
  'expire',
  'deliver',
  'recover',
  'report',
  'settle',
  'retain',
  'start',
  'tidy',
] as const;
export type DueKind = (typeof DUE_KINDS)[number];

/** How long one piece of work may take. Covers the request and its answer. */
export const TIMEOUT_MS: Readonly<Record<DueKind, number>> = {
  submit: 30_000, // fal answers in well under a second; a slow gateway is cheaper to wait for than to guess about
  poll: 10_000,
  result: 10_000,
  cancel: 10_000,
  copy: 600_000, // a 2160p file of 20 s over a slow line; the claim is renewed meanwhile
  expire: 10_000, // a last cancel may be sent
  deliver: 20_000, // Standard Webhooks: 15 to 30 s
  recover: 10_000, // rows only
  report: 30_000, // the account asks its other shards before it answers
  settle: 15_000,
  retain: 30_000,
  start: 60_000, // as long as a submit may wait for a lease with recall rounds
  tidy: 60_000,
};

/** A copied file must begin within this: two that hang must not hold back all others for a copy's whole time. */
export const COPY_OPEN_MS = 20_000;

/** How long a claim on a copy lasts before it is renewed, and how often that happens. */
export const COPY_CLAIM_MS = 60_000;
export const COPY_RENEW_MS = 20_000;

/** How much longer a claim lasts than its work may take: time to write the outcome. */
const CLAIM_MARGIN_MS = 15_000;

/** How long a claim on work of this kind lasts. */
export function claimMs(kind: DueKind): number {
  return kind === 'copy' ? COPY_CLAIM_MS : TIMEOUT_MS[kind] + CLAIM_MARGIN_MS;
}

/** The alarm is armed this far ahead before the work begins: a crash is picked up then. Longer than an event loop stall. */
export const ALARM_LEASE_MS = 30_000;

/** Requests under way at once. The platform gives one invocation six connections that wait for an answer. */
export const MAX_RUNNING = 5;
/** Of these, how many may go upstream together, whatever their kind. */
export const MAX_UPSTREAM = 3;
/** And of one kind, so that a kind that hangs leaves room for the others. */
export const MAX_OF_KIND: Readonly<Record<DueKind, number>> = {
  submit: 2,
  poll: 2,
  result: 2,
  cancel: 2,
  copy: 2,
  expire: 1,
  deliver: 3,
  recover: 1,
  report: 1,
  settle: 1,
  retain: 1,
  start: 2,
  tidy: 1,
};
/** Deliveries to one host that a customer named. */
export const MAX_PER_HOST = 2;
/** Deliveries to hosts whose last try was not answered in time, however many they are: the others have the other places. */
export const MAX_HUNG = 1;

const UPSTREAM_KINDS: ReadonlySet<DueKind> = new Set([
  'submit',
  'poll',
  'result',
  'cancel',
  'copy',
  'expire',
]);

/** Whether work of this kind goes upstream. */
export function isUpstream(kind: DueKind): boolean {
  return UPSTREAM_KINDS.has(kind);
}

/** Unused float goes back after this, but for a reserve. */
export const FLOAT_IDLE_MS = 600_000;
/** The reserve goes back after this: as long as the shard stays listed (invariant 15). */
export const RESERVE_IDLE_MS = 86_400_000;
/** The reserve, in jobs of the last price: an occasional submit from far away then crosses no ocean. */
export const RESERVE_JOBS = 10;
/** A lease asks for at least this many jobs. */
export const LEASE_JOBS = 10;
/** A float below this many jobs is filled up behind the submit's back. */
export const LOW_FLOAT_JOBS = 4;
/** After the account had nothing to spare, it is not asked again behind the back of submits for this long. */
export const REFILL_PAUSE_MS = 30_000;
