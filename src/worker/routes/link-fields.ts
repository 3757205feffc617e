/** What a schema cannot judge of the body of `POST /api/upload-links`: limits, addresses, and the image that is there. */

import type { Context } from 'hono';
import type { App, Config } from '../env.ts';
import type { FieldError } from '../errors.ts';
import { memberOf } from '../http/fields.ts';
import { IMAGE_FIELDS } from '../links/job-fields.ts';
import { DEFAULT_EXPIRES_IN_S, roleOf } from '../links/request.ts';
import type { ImageSource } from '../media/contract.ts';
import { isDataUri } from '../media/data-uri.ts';
import { resolveImage } from '../media/inputs.ts';
import { IMAGE_ROLES } from '../media/storage.ts';
import { type AddressCheck, checkUrl, MAX_ADDRESS_LENGTH } from '../webhooks/address.ts';
import { imageContext } from './job-images.ts';
import { checkWebhook, eventsWithoutUrl } from './webhook-address.ts';

/** What the fields mean, as far as they are right, and what is wrong with them. */
export interface JudgedFields {
  /** When the link ends, in ms since 1970; null where the body does not say it right. */
  readonly expiresAt: number | null;
  /** The addresses in the form that was checked. */
  readonly redirectUrl?: string;
  readonly webhookUrl?: string;
  /** The image of the job that is not to be uploaded. */
  readonly image?: ImageSource;
  readonly errors: readonly FieldError[];
}

const SECOND_MS = 1_000;
/** Longest address for a redirect, in characters: an event carries it, and all of an event stays below 20 kB. */
const MAX_REDIRECT_LENGTH = 2_048;

const NO_DATA_URI =
  'must not be a data URI, since a link may wait for days: send the image to POST /api/uploads and name the image_url of its answer, or name a public URL';

/**
 * Judges a body at `now` (ms). Writes nothing.
 * @param told what its schema found: those fields are not judged again.
 * @throws {ApiError} `unavailable` when R2 fails, or the shard of an upload link.
 */
export async function judgeFields(
  c: Context<App>,
  told: readonly FieldError[],
  now: number,
): Promise<JudgedFields> {
  const config = c.get('config');
  const body = c.get('body');
  const isTold = (pointer: string) => told.some((error) => error.pointer === pointer);
  const seconds = isTold('/expires_in') ? null : (memberOf(body, 'expires_in') ?? DEFAULT_EXPIRES_IN_S);
  // In whole seconds, as the link's address says it, and never sooner than was asked for.
  const expiresAt = typeof seconds === 'number' ? (Math.ceil(now / SECOND_MS) + seconds) * SECOND_MS : null;
  const redirect = judgeAddress(body, 'redirect_url', MAX_REDIRECT_LENGTH, (text) =>
    checkUrl(text, { local: config.LOCAL_MODE, purpose: 'redirect' }),
  );
  const webhook = judgeAddress(body, 'webhook_url', MAX_ADDRESS_LENGTH, (text) => checkWebhook(config, text));
  const other = await judgeImage(c, isTold, expiresAt, now);
  return {
    expiresAt,
    ...(redirect.href === undefined ? {} : { redirectUrl: redirect.href }),
    ...(webhook.href === undefined ? {} : { webhookUrl: webhook.href }),
    ...(other.image === undefined ? {} : { image: other.image }),
    errors: [
      ...(isTold('/max_bytes') ? [] : limitErrors(config, body)),
      ...redirect.errors,
      ...webhook.errors,
      ...eventsWithoutUrl(body),
      ...other.errors,
    ],
  };
}

function limitErrors({ MAX_UPLOAD_BYTES }: Config, body: unknown): FieldError[] {
  const limit = memberOf(body, 'max_bytes');
  if (typeof limit !== 'number' || limit <= MAX_UPLOAD_BYTES) return [];
  return [{ pointer: '/max_bytes', detail: `may be at most ${MAX_UPLOAD_BYTES}` }];
}

/** An address in a body: in the form that was checked, or what is wrong with it; neither where there is no text. */
export function judgeAddress(
  body: unknown,
  field: string,
  limit: number,
  judge: (text: string) => AddressCheck,
): { readonly href?: string; readonly errors: readonly FieldError[] } {
  const text = memberOf(body, field);
  if (typeof text !== 'string') return { errors: [] };
  const pointer = `/${field}`;
  const check = judge(text);
  if (!check.ok) return { errors: [{ pointer, detail: check.reason }] };
  const { href } = check.url;
  if (href.length <= limit) return { href, errors: [] };
  return { errors: [{ pointer, detail: `may have at most ${limit} characters once encoded` }] };
}

/** The image of the job that is not to be uploaded. In a body whose role is wrong it may be either. */
async function judgeImage(
  c: Context<App>,
  isTold: (pointer: string) => boolean,
  expiresAt: number | null,
  now: number,
): Promise<{ readonly image?: ImageSource; readonly errors: readonly FieldError[] }> {
  const body = c.get('body');
  const filled = roleOf(body);
  const errors: FieldError[] = [];
  let image: ImageSource | undefined;
  for (const field of IMAGE_ROLES.filter((role) => role !== filled).map((role) => IMAGE_FIELDS[role])) {
    const pointer = `/job/${field}`;
    const value = memberOf(memberOf(body, 'job'), field);
    if (typeof value !== 'string' || isTold(pointer)) continue;
    const text = value.trim();
    if (isDataUri(text)) {
      errors.push({ pointer, detail: NO_DATA_URI });
      continue;
    }
    const outcome = await resolveImage(text, { ...imageContext(c, now), pointer });
    if (!outcome.ok) errors.push(outcome.error);
    else if (outcome.until !== undefined && expiresAt !== null && outcome.until < expiresAt) {
      errors.push({ pointer, detail: endsTooSoon(outcome.until, expiresAt) });
    } else if (outcome.image.kind !== 'bytes') image = outcome.image;
  }
  return { ...(image === undefined ? {} : { image }), errors };
}

function endsTooSoon(until: number, expiresAt: number): string {
  const [ends, needed] = [until, expiresAt].map((ms) => new Date(ms).toISOString());
  return `is an upload that ends at ${ends}, before this link does at ${needed}: upload it again, or let the link end sooner`;
}
