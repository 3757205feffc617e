/** Puts an account together: each part with what it needs of the others, of the platform and of the configuration. */

import { configOf, type Env } from '../env.ts';
import { readBalance } from './balance.ts';
import { CreditsLow } from './endpoints/credits-low.ts';
import { EndpointDesk } from './endpoints/desk.ts';
import { Disabling } from './endpoints/disabling.ts';
import { EndpointRows } from './endpoints/endpoint-rows.ts';
import { DELETED_MEMORY_MS } from './endpoints/limits.ts';
import { LowRow } from './endpoints/low-row.ts';
import { NoticeRows } from './endpoints/notice-rows.ts';
import { Notices } from './endpoints/notices.ts';
import { Renewal } from './endpoints/renewal.ts';
import { SecretDesk } from './endpoints/secret-desk.ts';
import { SecretRows } from './endpoints/secret-rows.ts';
import { ReplicaSource } from './endpoints/source.ts';
import { Publisher } from './publisher.ts';
import { ShardCalls } from './shard-calls.ts';
import { ShardRows } from './shard-rows.ts';
import { AccountStore } from './store.ts';
import { Teller, type TellerBook } from './teller.ts';

/** What an account is made of. */
export type AccountParts = ReturnType<typeof partsOf>;

/** The parts of the account that this object is. Reads the configuration only when it is needed. */
export function partsOf(ctx: DurableObjectState, env: Env) {
  const name = ctx.id.name ?? '';
  const now = () => Date.now();
  const ring = () => configOf(env).SIGNING_SECRETS;
  const seal = () => ({ ring: ring(), account: name });
  const { sql } = ctx.storage;
  const store = new AccountStore(ctx.storage);
  const shards = new ShardRows(sql);
  const endpoints = new EndpointRows(sql);
  const secrets = new SecretRows(sql);
  const noticeRows = new NoticeRows(sql);
  const lowRow = new LowRow(sql);
  const calls = new ShardCalls(env);
  const book: TellerBook = {
    read: () => shards.book(store.account()?.granted ?? 0),
    bookTotals: (shard, totals) => shards.bookTotals(shard, totals),
    addLease: (shard, credits) => shards.addLease(shard, credits),
  };
  const teller = new Teller(book, (shard, leased) => calls.recall(shard, leased));
  const balance = () => readBalance(book, (shard, leased) => calls.balance(shard, leased));
  const background = (work: Promise<unknown>): void => {
    const ended = work.catch((cause) => {
      console.error({ event: 'account_work_failed', account: name, cause: String(cause) });
    });
    ctx.waitUntil(ended);
  };

  const source = new ReplicaSource({ store, endpoints, secrets, notices: noticeRows, now });
  const notices = new Notices({ store, rows: noticeRows, shards, source, ring, now });
  const publisher = new Publisher({
    storage: ctx.storage,
    rows: shards,
    publication: (shard) => {
      const account = store.account();
      return account && source.publication(account, shard);
    },
    push: (shard, replica) => calls.applyReplica(shard, replica),
    acknowledged: (shard, version) => {
      const account = store.account();
      if (account) notices.acknowledge(account, shard, version);
    },
    alsoAt: () => Math.min(secrets.nextExpiry() ?? Infinity, low.dueAt ?? Infinity),
  });
  const push = () => publisher.pushAll();
  /** What has had its time leaves with each change, here and, since every change goes to all shards, there. */
  const publish = () => {
    secrets.purge(now());
    endpoints.forgetDeleted(now() - DELETED_MEMORY_MS);
    store.nextVersion(true);
    shards.publish(now());
  };
  const low = new CreditsLow({
    store,
    row: lowRow,
    book,
    notices,
    balance,
    push,
    arm: () => publisher.arm(),
    background,
    now,
  });
  const secretDesk = new SecretDesk({ store, endpoints, secrets, seal, publish, push, background, now });
  const desk = new EndpointDesk({
    store,
    endpoints,
    secrets,
    notices,
    seal,
    ensureKey: () => secretDesk.ensureKey(),
    publish,
    push,
    now,
  });
  const disabling = new Disabling({
    store,
    endpoints,
    shards,
    notices,
    health: (shard, endpointId) => calls.endpointHealth(shard, endpointId),
    publish,
    push,
    background,
    now,
  });
  const renewal = new Renewal({ store, endpoints, secrets, shards, seal, publish, push });
  return {
    store,
    shards,
    secrets,
    source,
    teller,
    balance,
    publisher,
    publish,
    low,
    secretDesk,
    desk,
    disabling,
    renewal,
    ring,
  };
}
