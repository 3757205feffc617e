/** Puts a shard together: each part with what it needs of the others, of the platform and of the configuration. */

import type { AccountForShard } from '../accounts/contract.ts';
import { configOf, type Env } from '../env.ts';
import { homeShard, parseShardName, shardName } from '../ids.ts';
import { linkPartsOf } from '../links/shard/parts.ts';
import { accountStub, directoryStub } from '../objects.ts';
import { Gate } from '../webhooks/gate.ts';
import { isDisabled } from '../webhooks/health.ts';
import { AccountNotices } from '../webhooks/shard/account-notices.ts';
import { Deliveries } from '../webhooks/shard/deliveries.ts';
import { deskPartsOf } from '../webhooks/shard/desk-parts.ts';
import { Outbox } from '../webhooks/shard/outbox.ts';
import { Reporter } from '../webhooks/shard/reporter.ts';
import { EventRetention } from '../webhooks/shard/retention.ts';
import { Sender } from '../webhooks/shard/sender.ts';
import { forgetDeleted } from '../webhooks/shard/try-notes.ts';
import { Admission } from './admission.ts';
import { Alarm } from './alarm.ts';
import { Door } from './door.ts';
import type { Claim } from './due.ts';
import { Lanes } from './lanes.ts';
import { JobLedger } from './ledger.ts';
import { Listing } from './listing.ts';
import { Outside } from './outside.ts';
import { Pump } from './pump.ts';
import { KeyReplica } from './replica.ts';
import { JobSteps } from './steps.ts';
import { JobStore } from './store.ts';
import { Upkeep } from './upkeep.ts';
import { Waiters } from './waiters.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** What a shard is made of. */
export type ShardParts = ReturnType<typeof partsOf>;

/**
 * The parts of the shard that this object is.
 * @throws {TypeError} when its name is no shard's; {ConfigError} when the deployment is not configured.
 */
export function partsOf(ctx: DurableObjectState, env: Env) {
  const name = ctx.id.name ?? '';
  const shard = parseShardName(name);
  if (!shard) throw new TypeError(`a JobShard must be named account/region/n, not "${name}"`);
  const config = configOf(env);
  const waiters = new Waiters();
  const store = new JobStore(ctx.storage);
  const alarm = new Alarm(ctx.storage, store.due);
  store.due.onPlan = (at) => alarm.cover(at, Date.now());
  store.onRollback = () => alarm.forget();
  // Work that was under way when this object last ended is nobody's now.
  if (store.ready && store.due.releaseClaims(Date.now()) > 0) alarm.recover(Date.now());
  const account = (): AccountForShard => accountStub(env, shard.account);
  const replica = new KeyReplica(ctx.storage.kv, name, account, store.ready);
  const listing = new Listing(ctx.storage.kv, name, () => directoryStub(env, shard.region), store.ready);
  const now = () => Date.now();
  const random = () => Math.random();
  const log = (entry: Readonly<Record<string, unknown>>) => console.log({ shard: name, ...entry });
  const policy = {
    dedupes: config.FAL_DEDUPES,
    jobDeadlineMs: config.JOB_DEADLINE_S * SECOND_MS,
    submitDeadlineMs: config.SUBMIT_DEADLINE_S * SECOND_MS,
  };
  const retentionMs = config.RESULT_RETENTION_DAYS * DAY_MS;
  const outside = new Outside({ env, config, shard });
  const outbox = new Outbox({
    deliveries: store.deliveries,
    due: store.due,
    endpoints: () => replica.endpoints,
    isDisabled: (endpoint) => isDisabled(endpoint, store.health.get(endpoint.id)),
  });
  const endpointOf = (id: string) => replica.endpoints.find((endpoint) => endpoint.id === id) ?? null;
  const lanes = new Lanes();
  const gate = new Gate();
  const sender = new Sender({
    config,
    account: shard.account,
    secrets: () => replica.secrets,
    now,
  });
  const admission = new Admission({
    store,
    outbox,
    shard: name,
    account,
    now,
    retentionMs,
    onWork: () => pump.kick(outbox.takePlanned() ? ['submit', 'deliver'] : ['submit']),
    log,
  });
  const ledger = new JobLedger({
    store,
    outbox,
    policy,
    now,
    random,
    onEnd: ({ id, job, credits }) => {
      waiters.release(id);
      log({
        event: 'job_ended',
        job_id: id,
        state: job.state,
        credits,
        ...(job.failure ? { code: job.failure.code } : {}),
      });
      // What a failed job released may be what somebody waits for.
      admission.grant(0, () => undefined);
    },
    onWork: () => pump.kick(),
  });
  const steps = new JobSteps({
    store,
    ledger,
    policy,
    upstream: () => outside.upstream,
    now,
    callbackUrl: (stored) => outside.callbackUrl(stored),
    imageUrl: (image) => outside.imageUrl(image, now()),
    copy: (jobId, source, signal) => outside.copy(jobId, source, signal),
    log,
  });
  const deliveries = new Deliveries({
    store,
    gate,
    send: (sending) => sender.send(sending),
    endpoint: endpointOf,
    onAnswer: (lane, inTime) => lanes.heard(lane, inTime),
    now,
    random,
    log,
  });
  const upkeep = new Upkeep({
    store,
    kv: ctx.storage.kv,
    shard,
    shardName: name,
    admission,
    account,
    events: new EventRetention({ store, shard, now, log }),
    deleteFiles: (jobId) => outside.deleteFiles(jobId),
    retentionMs,
    now,
    log,
  });
  const door = new Door({ store, replica, listing, now, log });
  const links = linkPartsOf({
    store,
    outbox,
    door,
    admission,
    config,
    shard,
    bucket: env.BUCKET,
    now,
    onWork: () => pump.kick(['deliver']),
    log,
  });
  const notices = new AccountNotices({
    store,
    replica,
    outbox,
    door,
    isListed: () => listing.listed,
    isHome: name === shardName(homeShard(shard.account)),
    now,
    onWork: () => pump.kick(['deliver']),
  });
  const reporter = new Reporter({ store, shardName: name, account, now, log });
  const desk = deskPartsOf({
    store,
    sql: ctx.storage.sql,
    door,
    shard,
    endpoint: endpointOf,
    now,
    onWork: () => pump.kick(['deliver', 'recover']),
    log,
  });
  const work = (claim: Claim): Promise<void> => {
    if (claim.kind === 'deliver') return deliveries.run(claim);
    if (claim.kind === 'report') return reporter.run(claim);
    if (claim.kind === 'recover') return desk.recovery.run(claim);
    if (claim.kind === 'settle') return upkeep.settle(claim);
    if (claim.kind === 'retain') return upkeep.retain(claim);
    if (claim.kind === 'start') return links.finish.run(claim);
    if (claim.kind === 'tidy') return links.tidy.run(claim);
    return steps.run(claim);
  };
  const pump = new Pump({ due: store.due, lanes, work, now, random, log });
  replica.onApply = () => {
    forgetDeleted(store, gate, replica.endpoints);
    if (notices.takeUp()) pump.kick(['deliver']);
  };
  // Notices that came with a key, before the shard was listed.
  if (store.ready && notices.takeUp()) alarm.recover(Date.now());
  return {
    store,
    alarm,
    replica,
    listing,
    door,
    admission,
    ledger,
    outside,
    upkeep,
    pump,
    waiters,
    links,
    desk,
    notices,
  };
}
