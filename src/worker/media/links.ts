/**
 * Signed, expiring links to files in the bucket: `PUBLIC_URL/files/{token}/{name}`.
 *
 * The token says which object, under which name and type, until when, and for an upload whose it is. It is encrypted: a
 * video's link is shown to people who are to know nothing of the account that it lies under. Whoever has the link may
 * read the file; only its own account may start a job from an upload's link. A link that is wrong in any way gets one
 * answer, so nothing about an object can be learnt by trying.
 */

import * as z from 'zod';
import type { Config } from '../env.ts';
import { openToken, sealToken } from '../secrets.ts';
import { isSameHost } from '../webhooks/address.ts';
import { linkImagePrefix, uploadPrefix } from './storage.ts';

/** What a link covers. */
export interface FileLink {
  /** R2 key. One that ends in a slash is of an upload link: whatever was uploaded to it. See {@link uploadLinkOf}. */
  readonly key: string;
  /** The last segment of the path, and the name under which a browser saves the file. */
  readonly name: string;
  /** Content type to serve. */
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The account whose upload this is; absent for everything else. */
  readonly account?: string | undefined;
}

/** The part of the configuration that links are made from. */
export type LinkConfig = Pick<Config, 'PUBLIC_URL' | 'SIGNING_SECRETS'>;

/** Claims as they stand in a token: short names, because every character of a URL is paid for in each answer. */
const Claims = z.strictObject({
  k: z.string().min(1),
  n: z.string().min(1),
  t: z.string().min(1),
  e: z.number().int(),
  a: z.string().min(1).optional(),
});

/** Names that need no quoting in a path or a header. Ours are ids with an extension. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** `type/subtype`, fit for a header. */
const TYPE = /^[a-z]+\/[a-z0-9.+-]+$/;
const ROOT = '/files/';

/** An absolute link to a file of ours. */
export async function fileUrl(config: LinkConfig, link: FileLink): Promise<string> {
  if (!NAME.test(link.name) || !TYPE.test(link.type)) throw new TypeError('not a name or type for a link');
  const claims: z.input<typeof Claims> = {
    k: link.key,
    n: link.name,
    t: link.type,
    e: link.expiresAt,
    ...(link.account === undefined ? {} : { a: link.account }),
  };
  return `${config.PUBLIC_URL}${ROOT}${await sealToken(config.SIGNING_SECRETS, 'file', claims)}/${link.name}`;
}

/** What a token says of a picture that is still to come. It is served as what it then is. */
const UNKNOWN_TYPE = 'application/octet-stream';

/** An absolute link to whatever was, or is still to be, uploaded to an upload link. Usable by its account as an image. */
export function linkImageUrl(
  config: LinkConfig,
  { account, uploadId }: UploadLinkName,
  expiresAt: number,
): Promise<string> {
  const key = linkImagePrefix(account, uploadId);
  return fileUrl(config, { key, name: uploadId, type: UNKNOWN_TYPE, expiresAt, account });
}

/** Whose upload link, and which. */
export interface UploadLinkName {
  readonly account: string;
  readonly uploadId: string;
}

/** `up/<account>/<upload_id>/`. */
const LINK_KEY = /^up\/([a-z0-9_]+)\/([a-z0-9_]+)\/$/;

/** The upload link that a key stands for; null for the key of an object. */
export function uploadLinkOf(key: string): UploadLinkName | null {
  const [, account, uploadId] = (key.endsWith('/') && LINK_KEY.exec(key)) || [];
  return account === undefined || uploadId === undefined ? null : { account, uploadId };
}

/** What the link covers; null when it is not ours, has expired at `now` (ms), or names another file. */
export async function readFileLink(
  config: LinkConfig,
  token: string,
  name: string,
  now: number,
): Promise<FileLink | null> {
  const claims = Claims.safeParse(await openToken(config.SIGNING_SECRETS, 'file', token));
  if (!claims.success) return null;
  const { k: key, n, t: type, e: expiresAt, a: account } = claims.data;
  return n === name && now < expiresAt ? { key, name, type, expiresAt, account } : null;
}

/** What a URL given as an image is to us. */
export type OwnUpload =
  /** Not a file link of this deployment. */
  | { readonly kind: 'foreign' }
  /** One of ours in form, but wrong, expired, another account's, or no upload. */
  | { readonly kind: 'invalid' }
  /** Usable until `expiresAt`, in ms since 1970. */
  | { readonly kind: 'upload'; readonly key: string; readonly expiresAt: number }
  /** Whatever was uploaded to an upload link: its shard knows. */
  | { readonly kind: 'link'; readonly uploadId: string };

/**
 * Whether a text can be a link of ours at all, in whatever spelling: most images are somebody else's, and need no
 * parsing to know it. Spellings with control characters, which a parser drops, are refused for what they are.
 */
export function mayBeFileOfOurs(text: string): boolean {
  return text.includes(ROOT) || text.includes('%') || text.includes('\\');
}

/** Whether `url` is an upload's link that `account` may use at `now` (ms). */
export async function ownUpload(
  config: LinkConfig,
  url: URL,
  account: string,
  now: number,
): Promise<OwnUpload> {
  const segments = fileSegments(config, url);
  if (!segments) return { kind: 'foreign' };
  const [token, name, ...more] = segments;
  if (!token || !name || more.length > 0) return { kind: 'invalid' };
  const link = await readFileLink(config, token, name, now);
  if (link?.account !== account || !link.key.startsWith(uploadPrefix(account))) return { kind: 'invalid' };
  const upload = uploadLinkOf(link.key);
  return upload
    ? { kind: 'link', uploadId: upload.uploadId }
    : { kind: 'upload', key: link.key, expiresAt: link.expiresAt };
}

/** The path below `/files/` when the URL leads to this deployment, else null. The scheme may differ: a proxy's matter. */
function fileSegments(config: LinkConfig, url: URL): string[] | null {
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    // Not decodable, so no router would take it for one of our paths either.
    return null;
  }
  if (!path.startsWith(ROOT)) return null;
  const own = new URL(config.PUBLIC_URL);
  // Two spellings of one place must not be two places: a link of ours is refused when it is wrong, not passed on.
  return isSameHost(own, url) && own.port === url.port ? path.slice(ROOT.length).split('/') : null;
}
