/** fal's error types, from its error reference and what users of it have met. Pure data. */

import type { JobErrorCode } from '../errors.ts';

/** What each type means to a customer; model errors first. */
export const CODE_OF_TYPE: ReadonlyMap<string, JobErrorCode> = new Map(
  Object.entries({
    content_policy_violation: 'content_policy_violation',
    image_load_error: 'image_not_loadable',
    file_download_error: 'image_not_loadable',
    image_too_large: 'image_too_large',
    file_too_large: 'image_too_large',
    image_too_small: 'image_too_small',
    unsupported_image_format: 'unsupported_image',
    face_detection_error: 'invalid_input',
    feature_not_supported: 'invalid_input',
    greater_than: 'invalid_input',
    greater_than_equal: 'invalid_input',
    less_than: 'invalid_input',
    less_than_equal: 'invalid_input',
    missing: 'invalid_input',
    multiple_of: 'invalid_input',
    one_of: 'invalid_input',
    sequence_too_long: 'invalid_input',
    sequence_too_short: 'invalid_input',
    value_error: 'invalid_input',
    no_media_generated: 'upstream_error',
    generation_timeout: 'upstream_timeout',
    internal_server_error: 'upstream_error',
    downstream_service_error: 'upstream_error',
    downstream_service_unavailable: 'upstream_busy',
    concurrent_requests_limit: 'upstream_busy',
    // Infrastructure.
    request_timeout: 'upstream_timeout',
    startup_timeout: 'upstream_timeout',
    runner_scheduling_failure: 'upstream_busy',
    runner_connection_timeout: 'upstream_error',
    runner_disconnected: 'upstream_error',
    runner_connection_refused: 'upstream_error',
    runner_connection_error: 'upstream_error',
    runner_incomplete_response: 'upstream_error',
    runner_server_error: 'upstream_error',
    client_disconnected: 'upstream_error',
    client_cancelled: 'upstream_error',
    bad_request: 'invalid_input',
    internal_error: 'upstream_error',
  } satisfies Record<string, JobErrorCode>),
);

/** Types that only say that something went wrong: whoever has the result can tell more. */
export const VAGUE_TYPES: ReadonlySet<string> = new Set([
  'bad_request',
  'internal_error',
  'internal_server_error',
  'runner_server_error',
]);
