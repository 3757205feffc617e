/**
 * What crosses RPC between the Worker and the shard that owns an upload link. Plain values: expected outcomes are never
 * thrown, and bytes never cross.
 *
 * A link lives in the account's home shard, so that one list has them all and one transaction can commit an upload with
 * the job that it starts.
 */

import type { JobView, Refusal } from '../jobs/contract.ts';
import type { ImageSource, ImageType } from '../media/contract.ts';
import type { ImageRole } from '../media/storage.ts';
import type { LinkEventType } from '../webhooks/types.ts';

/** The job that an upload starts: everything but the image that is to come. */
export interface LinkJob {
  readonly model: string;
  /** The model's input, parsed, with defaults, without its image fields. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The image of the other role, where the request named one. */
  readonly other?: ImageSource;
  /** How long upstream usually takes, in ms. */
  readonly usualMs: number;
  readonly credits: number;
  /** Micro-dollars. */
  readonly cost: number;
}

/** What a link takes and what it does. Never changed once made. */
export interface LinkSpec {
  /** Milliseconds since 1970, as all times here. */
  readonly expiresAt: number;
  readonly maxBytes: number;
  readonly types: readonly ImageType[];
  /** Lower-case hex: the only file that is taken. */
  readonly sha256?: string;
  /** Which image of the job the upload is. */
  readonly role: ImageRole;
  /** Where a browser goes after the form was sent. */
  readonly redirectUrl?: string;
  readonly webhookUrl?: string;
  /** What `webhookUrl` hears of; the default is the picture and the end of the job. */
  readonly webhookEvents?: readonly LinkEventType[];
  /** Given back with the link, with the job, and in events. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly job?: LinkJob;
}

/** An image that was checked and stored. */
export interface StoredImage {
  /** R2 key: `up/<account>/<upload_id>/<attempt>`. */
  readonly key: string;
  readonly type: ImageType;
  readonly bytes: number;
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export type LinkStatus = 'pending' | 'uploaded' | 'expired' | 'revoked';

/**
 * What has become of the attached job. `none`: no job is attached. `waiting`: for the picture. `starting`: the picture
 * is there and the job is being submitted. `insufficient_credits`: it waits for `POST …/submit`; so does a start that was
 * given up because the account could not be reached for as long as the picture may be used.
 */
export type LinkStart = 'none' | 'waiting' | 'starting' | 'started' | 'insufficient_credits';

/** A link as its owner may see it. The secret part of its address is minted by whoever answers. */
export interface LinkView {
  readonly uploadId: string;
  readonly status: LinkStatus;
  readonly createdAt: number;
  readonly spec: LinkSpec;
  readonly image?: StoredImage;
  readonly uploadedAt?: number;
  readonly start: LinkStart;
  /** The job that the upload started, as it is now; absent also when its retention is over. */
  readonly job?: JobView;
  readonly jobId?: string;
}

/** Makes a link. The id was minted at the edge, so a retry after a lost reply is the same link. */
export interface CreateLink {
  readonly uploadId: string;
  readonly keyHash: string;
  readonly spec: LinkSpec;
  readonly idempotency?: { readonly key: string; readonly fingerprint: string };
}
export type CreateLinkOutcome =
  | { readonly kind: 'created'; readonly link: LinkView; readonly replayed: boolean }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'gone' }
  | Refusal;

export interface LinkQuery {
  readonly uploadId: string;
  readonly keyHash: string;
}
export type LinkOutcome =
  | { readonly kind: 'found'; readonly link: LinkView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Refusal;

/** Newest first. `before` is the last id of the page before. */
export interface ListLinks {
  readonly keyHash: string;
  readonly before?: string;
  readonly limit: number;
}
export type ListLinksOutcome =
  | { readonly kind: 'page'; readonly links: readonly LinkView[]; readonly more: boolean }
  | Refusal;

export type RevokeLinkOutcome =
  /** Also when it was revoked or had expired before: it takes nothing any more. */
  | { readonly kind: 'revoked'; readonly link: LinkView }
  /** The picture is there already. */
  | { readonly kind: 'used'; readonly link: LinkView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Refusal;

/** Starts the attached job of an upload whose job could not start. The job's id is used unless it has one. */
export interface StartLink extends LinkQuery {
  readonly jobId: string;
}
export type StartLinkOutcome =
  | { readonly kind: 'accepted'; readonly job: JobView; readonly replayed: boolean }
  | { readonly kind: 'insufficient'; readonly required: number; readonly balance: number }
  /** No picture yet, and none may come where the status is not `pending`. */
  | { readonly kind: 'not_uploaded'; readonly status: LinkStatus }
  | { readonly kind: 'no_job' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  /** The link is remembered still, and its picture may be used no more. */
  | { readonly kind: 'picture_gone' }
  /** The link is remembered still, and the job that it started is not. */
  | { readonly kind: 'job_gone' }
  | Refusal;

/** A link as whoever holds its address may see it. A link whose key was revoked is revoked. */
export type OpenLinkOutcome =
  | { readonly kind: 'found'; readonly link: LinkView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Exclude<Refusal, { kind: 'unauthorized' }>;

/** The picture is stored under its attempt's own key; the shard decides which attempt is the upload. */
export interface FinishUpload {
  readonly uploadId: string;
  readonly image: StoredImage;
  /** Minted for this shard, in case that a job starts. */
  readonly jobId: string;
  /** Of a resumable upload: it ends with this. */
  readonly attempt?: string;
}
export type FinishUploadOutcome =
  /** This attempt is the upload: also when its answer was lost and it is told again. */
  | { readonly kind: 'won'; readonly link: LinkView }
  /** Another was first, or the link or this attempt was closed meanwhile: the caller deletes what it stored. */
  | { readonly kind: 'lost'; readonly link: LinkView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Exclude<Refusal, { kind: 'unauthorized' }>;

/** A piece of a resumable upload: an object of its own in R2. */
export interface TusPart {
  readonly key: string;
  readonly bytes: number;
}

/** A resumable upload on its way (tus 1.0). */
export interface TusAttempt {
  readonly attempt: string;
  /** Bytes that the whole will have. */
  readonly length: number;
  /** Bytes that are safe. */
  readonly offset: number;
  readonly parts: readonly TusPart[];
  /** `Upload-Metadata` as it was sent: HEAD gives it back. */
  readonly metadata?: string;
  /** The link was closed by this very attempt: it is complete. */
  readonly done: boolean;
}

export interface BeginTus {
  readonly uploadId: string;
  readonly attempt: string;
  readonly length: number;
  readonly metadata?: string;
}
export type BeginTusOutcome =
  /** `forgotten`: one that was ended for it, whose parts the caller deletes. */
  | { readonly kind: 'begun'; readonly tus: TusAttempt; readonly forgotten?: string }
  | { readonly kind: 'closed'; readonly link: LinkView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Exclude<Refusal, { kind: 'unauthorized' }>;

export interface TusQuery {
  readonly uploadId: string;
  readonly attempt: string;
}
export type TusOutcome =
  /** Also after the link has closed: `link` says so. */
  | { readonly kind: 'found'; readonly tus: TusAttempt; readonly link: LinkView }
  /** No such link, or no such attempt on it (any more). */
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Exclude<Refusal, { kind: 'unauthorized' }>;

/** Parts that are safe in R2 become the upload's next bytes, if it is still at `from`. */
export interface AdvanceTus extends TusQuery {
  readonly from: number;
  readonly parts: readonly TusPart[];
  /**
   * How many of the last parts of the row `parts` stand in for (default 0): they begin with their bytes, so that many
   * small parts become few. The caller deletes those that were replaced once it has advanced.
   */
  readonly replaces?: number;
}
export type AdvanceTusOutcome =
  | { readonly kind: 'advanced'; readonly tus: TusAttempt }
  /** Somebody else wrote meanwhile. The caller deletes its parts, unless they are among those of `tus`. */
  | { readonly kind: 'conflict'; readonly tus: TusAttempt }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Exclude<Refusal, { kind: 'unauthorized' }>;

/** The methods of a shard that upload links need. */
export interface LinkShard {
  createLink(command: CreateLink): Promise<CreateLinkOutcome>;
  link(query: LinkQuery): Promise<LinkOutcome>;
  links(query: ListLinks): Promise<ListLinksOutcome>;
  revokeLink(query: LinkQuery): Promise<RevokeLinkOutcome>;
  startLink(command: StartLink): Promise<StartLinkOutcome>;
  openLink(uploadId: string): Promise<OpenLinkOutcome>;
  finishUpload(command: FinishUpload): Promise<FinishUploadOutcome>;
  beginTus(command: BeginTus): Promise<BeginTusOutcome>;
  tus(query: TusQuery): Promise<TusOutcome>;
  advanceTus(command: AdvanceTus): Promise<AdvanceTusOutcome>;
  /** Forgets an unfinished attempt; the caller deletes its parts. */
  dropTus(query: TusQuery): Promise<TusOutcome>;
}
