/** The job of an upload link as the caller describes it: a model's fields, but for the image that the upload is. Pure. */

import * as z from 'zod';
import { notAnObject, strictFields } from '../http/fields.ts';
import type { ImageRole } from '../media/storage.ts';
import { IMAGE_ROLES } from '../media/storage.ts';
import { MODELS } from '../models/index.ts';
import type { Model } from '../models/model.ts';

/** The field of a job that an upload of this role fills. */
export const IMAGE_FIELDS = { start: 'image_url', end: 'end_image_url' } as const satisfies Record<
  ImageRole,
  string
>;

/** The model of a job that names none. */
export const [DEFAULT_MODEL] = MODELS as readonly [Model, ...Model[]];

const IDS = MODELS.map(({ id }) => id);
const modelId = z.enum(IDS, { error: `must be one of ${IDS.join(', ')}` });

const OTHER_IMAGE =
  'The image that is not uploaded here: a public http(s) URL, or the image_url of an upload. No data URI.';

/**
 * The fields of a job, strict, with the model's rules.
 * @param role null where it is not known, since the body's is wrong: no image field is missing or too many then.
 */
export function jobSchema(model: Model, role: ImageRole | null): z.ZodType {
  const fields = Object.entries(model.shape as Readonly<Record<string, z.ZodType>>).flatMap(
    ([name, field]): [string, z.ZodType][] => {
      const image = IMAGE_ROLES.find((one) => IMAGE_FIELDS[one] === name);
      if (image === undefined) return [[name, field]];
      if (image === role) return [];
      const other = role === null ? field.optional() : field;
      return [[name, other.meta({ description: OTHER_IMAGE })]];
    },
  );
  const shape = { model: modelId.default(DEFAULT_MODEL.id), ...Object.fromEntries(fields) };
  return strictFields(shape, model.rules);
}

/** Of a model that there is not: nothing else can be said of its job. */
export const unknownJob = z.looseObject({ model: modelId }, { error: notAnObject });

/** A job of any model and role, for the OpenAPI document. */
export const AnyJob = z
  .union(MODELS.flatMap((model) => IMAGE_ROLES.map((role) => jobSchema(model, role))))
  .meta({
    description:
      'The job that the upload starts: a model and its fields, but for the image that the upload is. Checked and priced at once.',
  });
