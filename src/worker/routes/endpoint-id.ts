/** The id of a webhook endpoint in a path or a query. Only a row of the caller's own account, so it carries no MAC. */

import { ApiError } from '../errors.ts';

/** As accounts/endpoints/mint.ts makes them. */
const ENDPOINT_ID = /^ep_[0-9a-z]{12}$/;

/** Whether a text may be the id of an endpoint. */
export function isEndpointId(text: string): boolean {
  return ENDPOINT_ID.test(text);
}

/** The id, if it may be one. @throws {ApiError} 404 for any other text, which touches no object. */
export function endpointId(text: string): string {
  if (!isEndpointId(text)) throw new ApiError({ tag: 'not_found' });
  return text;
}
