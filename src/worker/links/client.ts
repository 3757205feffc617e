/** The Worker's side of an upload link's shard: calls with fresh stubs, retried, since each is the same when repeated. */

import { callTwice } from '../calls.ts';
import type { Env } from '../env.ts';
import { homeShard, type ShardRef } from '../ids.ts';
import { shardStub } from '../objects.ts';
import type {
  AdvanceTus,
  AdvanceTusOutcome,
  BeginTus,
  BeginTusOutcome,
  CreateLink,
  CreateLinkOutcome,
  FinishUpload,
  FinishUploadOutcome,
  LinkOutcome,
  LinkQuery,
  LinkShard,
  ListLinks,
  ListLinksOutcome,
  OpenLinkOutcome,
  RevokeLinkOutcome,
  StartLink,
  StartLinkOutcome,
  TusOutcome,
  TusQuery,
} from './contract.ts';

/** Longer than a submit that waits for a lease with recall rounds. */
const SUBMIT_MS = 60_000;
const CALL_MS = 15_000;

export class LinkClient implements LinkShard {
  readonly #env: Env;
  /** The shard that owns the account's links; jobs that they start are minted for it. */
  readonly shard: ShardRef;

  constructor(env: Env, account: string) {
    this.#env = env;
    this.shard = homeShard(account);
  }

  createLink(command: CreateLink): Promise<CreateLinkOutcome> {
    return callTwice(CALL_MS, () => this.#stub().createLink(command));
  }

  link(query: LinkQuery): Promise<LinkOutcome> {
    return callTwice(CALL_MS, () => this.#stub().link(query));
  }

  links(query: ListLinks): Promise<ListLinksOutcome> {
    return callTwice(CALL_MS, () => this.#stub().links(query));
  }

  revokeLink(query: LinkQuery): Promise<RevokeLinkOutcome> {
    return callTwice(CALL_MS, () => this.#stub().revokeLink(query));
  }

  startLink(command: StartLink): Promise<StartLinkOutcome> {
    return callTwice(SUBMIT_MS, () => this.#stub().startLink(command));
  }

  openLink(uploadId: string): Promise<OpenLinkOutcome> {
    return callTwice(CALL_MS, () => this.#stub().openLink(uploadId));
  }

  finishUpload(command: FinishUpload): Promise<FinishUploadOutcome> {
    return callTwice(SUBMIT_MS, () => this.#stub().finishUpload(command));
  }

  beginTus(command: BeginTus): Promise<BeginTusOutcome> {
    return callTwice(CALL_MS, () => this.#stub().beginTus(command));
  }

  tus(query: TusQuery): Promise<TusOutcome> {
    return callTwice(CALL_MS, () => this.#stub().tus(query));
  }

  advanceTus(command: AdvanceTus): Promise<AdvanceTusOutcome> {
    return callTwice(CALL_MS, () => this.#stub().advanceTus(command));
  }

  dropTus(query: TusQuery): Promise<TusOutcome> {
    return callTwice(CALL_MS, () => this.#stub().dropTus(query));
  }

  #stub() {
    return shardStub(this.#env, this.shard);
  }
}
