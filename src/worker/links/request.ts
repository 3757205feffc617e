/** The body of `POST /api/upload-links`: its fields, and all that can be said of them without configuration and I/O. Pure. */

import * as z from 'zod';
import type { FieldError } from '../errors.ts';
import { memberOf, notAnObject } from '../http/fields.ts';
import { fieldErrors, type Issue } from '../http/problem.ts';
import { IMAGE_TYPES, type ImageType } from '../media/contract.ts';
import { IMAGE_ROLES, type ImageRole } from '../media/storage.ts';
import { modelOf } from '../models/index.ts';
import type { Model } from '../models/model.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';
import { eventList, eventListMeta } from '../webhooks/event-list.ts';
import { DEFAULT_LINK_EVENTS, LINK_EVENT_TYPES, type LinkEventType } from '../webhooks/types.ts';
import { AnyJob, DEFAULT_MODEL, IMAGE_FIELDS, jobSchema, unknownJob } from './job-fields.ts';
import { metadata } from './metadata.ts';

/** Seven days: as long as signed uploads of S3 and R2 may last. */
const MAX_EXPIRES_IN_S = 604_800;
export const DEFAULT_EXPIRES_IN_S = 1_800;

/** A whole number from 1 on. As JSON Schema: an integer. */
function count(description: string, error: string, maximum?: number) {
  return z
    .number({ error })
    .refine((n) => Number.isSafeInteger(n) && n >= 1 && n <= (maximum ?? n), { error })
    .meta({ description, type: 'integer', minimum: 1, ...(maximum === undefined ? {} : { maximum }) });
}

const RANGE = 'must be a whole number of seconds from 1 to 604,800';
const ROLES = `must be one of ${IMAGE_ROLES.join(', ')}`;
const TYPES = `must be one of ${IMAGE_TYPES.join(', ')}`;

const FIELDS = {
  expires_in: count('Seconds that the link lasts: up to 7 days.', RANGE, MAX_EXPIRES_IN_S).default(
    DEFAULT_EXPIRES_IN_S,
  ),
  max_bytes: count(
    'The largest file that is taken. The deployment has a default and a most.',
    'must be a whole number of bytes from 1 on',
  ).optional(),
  // In two steps, so that a list of a million wrong types is one error.
  types: z
    .array(z.unknown(), { error: 'must be a list of image types' })
    .refine((types) => types.length > 0, { error: 'must name at least one image type', abort: true })
    .refine((types) => types.length <= IMAGE_TYPES.length, {
      error: `may name at most ${IMAGE_TYPES.length} image types`,
      abort: true,
    })
    .pipe(z.array(z.enum(IMAGE_TYPES, { error: TYPES })))
    .default([...IMAGE_TYPES])
    .meta({
      description: 'The types that are taken, told by content. All five unless it says less.',
      items: { type: 'string', enum: [...IMAGE_TYPES] },
      minItems: 1,
      maxItems: IMAGE_TYPES.length,
    }),
  sha256: z
    .string({ error: 'must be 64 hexadecimal digits' })
    .regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
    .toLowerCase()
    .optional()
    .meta({ description: 'The only file that is taken.' }),
  role: z
    .enum(IMAGE_ROLES, { error: ROLES })
    .default('start')
    .meta({ description: 'Which image of the job the upload is.' }),
  redirect_url: z
    .string({ error: 'must be a URL' })
    .optional()
    .meta({ description: 'An https URL where a browser goes after it has sent the form.' }),
  webhook_url: SERVICE_FIELDS.webhook_url.meta({
    description:
      'An https URL of yours that gets signed events: of the upload, and of the job that it starts.',
  }),
  webhook_events: eventList(LINK_EVENT_TYPES)
    .optional()
    .meta({
      description: `What webhook_url gets, where it is not the usual: ${DEFAULT_LINK_EVENTS.join(', ')}.`,
      ...eventListMeta(LINK_EVENT_TYPES),
    }),
  metadata: metadata.optional(),
};

/** The body as it was parsed. */
export interface LinkRequestBody {
  readonly expires_in: number;
  readonly max_bytes?: number;
  readonly types: readonly ImageType[];
  readonly sha256?: string;
  readonly role: ImageRole;
  readonly redirect_url?: string;
  readonly webhook_url?: string;
  readonly webhook_events?: readonly LinkEventType[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly job?: Readonly<Record<string, unknown>> & { readonly model: string };
}

/** The body with a job of this shape. */
function bodySchema(job: z.ZodType) {
  const shape = { ...FIELDS, job: job.optional(), api_key: SERVICE_FIELDS.api_key };
  return z.strictObject(shape, { error: notAnObject });
}

/** By role and model, made when they are first asked for. */
const schemas = new Map<string, z.ZodType>();

function schemaOf(model: Model, role: ImageRole | null): z.ZodType {
  const name = `${role} ${model.id}`;
  const schema = schemas.get(name) ?? bodySchema(jobSchema(model, role));
  schemas.set(name, schema);
  return schema;
}

const unknownModel = bodySchema(unknownJob);

/** The body for the OpenAPI document. */
export const UploadLinkRequest = bodySchema(AnyJob).meta({ id: 'UploadLinkRequest' });

/** A valid body, or all that is wrong with it. */
export type ParsedBody =
  | { readonly ok: true; readonly body: LinkRequestBody }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Judges a body by all that needs neither configuration nor I/O. */
export function parseBody(body: unknown): ParsedBody {
  const role = roleOf(body);
  const named = memberOf(memberOf(body, 'job'), 'model') ?? DEFAULT_MODEL.id;
  const model = typeof named === 'string' ? modelOf(named) : null;
  const parsed = (model ? schemaOf(model, role) : unknownModel).safeParse(body);
  if (parsed.success) return { ok: true, body: parsed.data as LinkRequestBody };
  const filled = role && `/job/${IMAGE_FIELDS[role]}`;
  const errors = fieldErrors(parsed.error.issues as readonly Issue[]).map((error) =>
    error.pointer === filled
      ? { ...error, detail: 'is the picture that will be uploaded; leave it out' }
      : error,
  );
  return { ok: false, errors };
}

/** The role that a body names, or leaves to its default; null where it is wrong. */
export function roleOf(body: unknown): ImageRole | null {
  const role = memberOf(body, 'role') ?? 'start';
  return IMAGE_ROLES.find((one) => one === role) ?? null;
}
