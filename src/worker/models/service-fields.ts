/** The fields that every model's endpoint takes beside the model's own. Pure. */

import * as z from 'zod';
import { eventList, eventListMeta } from '../webhooks/event-list.ts';
import { DEFAULT_JOB_EVENTS, JOB_EVENT_TYPES } from '../webhooks/types.ts';

/** In the order of the docs. */
export const SERVICE_FIELDS = {
  response_mode: z
    .enum(['inline', 'polling'], { error: 'must be inline or polling' })
    .default('inline')
    .meta({
      description:
        'inline: the answer waits for the video. polling: the answer comes at once, with the id of the job.',
    }),
  webhook_url: z.string({ error: 'must be a URL' }).optional().meta({
    description: 'An https URL of yours that gets a signed event when the job ends.',
  }),
  webhook_events: eventList(JOB_EVENT_TYPES)
    .optional()
    .meta({
      description: `What webhook_url gets, where it is not the usual: ${DEFAULT_JOB_EVENTS.join(', ')}.`,
      ...eventListMeta(JOB_EVENT_TYPES),
    }),
  api_key: z.string({ error: 'must be a text' }).optional().meta({
    description: 'The API key, where no header can be set. Required unless it is in a header or the query.',
  }),
} as const satisfies z.ZodRawShape;
