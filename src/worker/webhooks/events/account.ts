/** The events about the account itself. Their `data` is written by the Account object with the notice. */

import * as z from 'zod';
import type { DisabledReason } from '../../accounts/endpoints/contract.ts';

const NOTICED_AT = '2026-10-01T12:00:00.000Z';

/** Fewer credits than the owner wants to have are available. */
export const CreditsLowEvent = z
  .object({
    type: z.literal('credits.low'),
    timestamp: z.iso.datetime().meta({ description: 'When it was noticed, not when this try was made.' }),
    data: z.object({
      available: z.int().meta({ description: 'Credits that new jobs could use at that moment.' }),
      threshold: z.int().meta({ description: 'The `credits_low_threshold` of the account.' }),
    }),
  })
  .meta({
    description:
      'The available credits have come down to the threshold of the account. Once, until a grant has brought them above it again.',
    example: {
      type: 'credits.low',
      timestamp: NOTICED_AT,
      data: { available: 412, threshold: 500 },
    },
  });
export type CreditsLowEvent = z.infer<typeof CreditsLowEvent>;

/** Why an endpoint is disabled, in the order of the docs. */
export const DISABLED_REASONS = [
  'manual',
  'gone',
  'requested',
  'failing',
] as const satisfies readonly DisabledReason[];

/** An endpoint gets no more events. It goes to the account's other endpoints. */
export const EndpointDisabledEvent = z
  .object({
    type: z.literal('endpoint.disabled'),
    timestamp: z.iso.datetime().meta({ description: 'When it was disabled, not when this try was made.' }),
    data: z.object({
      endpoint_id: z.string().meta({ example: 'ep_7k2m9x4q1t8v' }),
      url: z.string(),
      reason: z.enum(DISABLED_REASONS).meta({
        description:
          '`manual`: by its owner. `gone`: it answered 410. `requested`: it answered `webhook-delivery: disable`. `failing`: every try has failed for five days.',
      }),
      since: z.iso
        .datetime()
        .meta({ description: 'When that was seen; of `failing`, since when every try has failed.' }),
    }),
  })
  .meta({
    description: 'An endpoint was disabled. Its events are kept, and can be recovered once it is enabled.',
    example: {
      type: 'endpoint.disabled',
      timestamp: NOTICED_AT,
      data: {
        endpoint_id: 'ep_7k2m9x4q1t8v',
        url: 'https://hooks.example.com/firstframe',
        reason: 'failing',
        since: '2026-09-26T11:58:03.000Z',
      },
    },
  });
export type EndpointDisabledEvent = z.infer<typeof EndpointDisabledEvent>;
