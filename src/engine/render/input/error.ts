/** What can be wrong with an input image, in fal's shape (docs.fal.ai, "Error Reference"). */

import type { ErrorDetail } from '../../contract.ts';

/** The request's fields that hold an image. */
export type ImageField = 'image_url' | 'end_image_url';

/** Types of fal's reference that an image can cause; clients branch on them. */
export type InputErrorType =
  | 'file_download_error'
  | 'file_too_large'
  | 'image_load_error'
  | 'image_too_large'
  | 'image_too_small'
  | 'unsupported_image_format';

/** All of them are the caller's to mend. */
export const INPUT_ERROR_STATUS = 422;

/** An input image that cannot be rendered. The message is for the caller. */
export class InputError extends Error {
  override name = 'InputError';
  readonly type: InputErrorType;
  /** Limits that were missed, such as `max_width`. */
  readonly ctx: Readonly<Record<string, unknown>> | undefined;

  constructor(type: InputErrorType, message: string, ctx?: Readonly<Record<string, unknown>>) {
    super(message);
    this.type = type;
    this.ctx = ctx;
  }

  /** The entry of fal's `detail` array for the field that held the image. The input itself is not echoed. */
  toDetail(field: ImageField): ErrorDetail {
    return {
      loc: ['body', field],
      msg: this.message,
      type: this.type,
      url: `https://docs.fal.ai/errors/#${this.type}`,
      ...(this.ctx && { ctx: this.ctx }),
    };
  }
}
