/** The types of events, as receivers and endpoints name them. Pure. */

/** What a job's own `webhook_url` may hear of. */
export const JOB_EVENT_TYPES = [
  'job.created',
  'job.started',
  'job.completed',
  'job.failed',
  'job.canceled',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

/** What a job's `webhook_url` hears of unless `webhook_events` says otherwise: its end, whichever it is. */
export const DEFAULT_JOB_EVENTS = ['job.completed', 'job.failed', 'job.canceled'] as const;

/** What an upload link's `webhook_url` may hear of, and does unless told otherwise: the picture and the job's end. */
export const LINK_EVENT_TYPES = ['upload.completed', ...JOB_EVENT_TYPES] as const;
export type LinkEventType = (typeof LINK_EVENT_TYPES)[number];
export const DEFAULT_LINK_EVENTS = ['upload.completed', ...DEFAULT_JOB_EVENTS] as const;

/** Events about the account itself. They are made by the Account object and sent by the home shard. */
export const NOTICE_TYPES = ['credits.low', 'endpoint.disabled'] as const;
export type NoticeType = (typeof NOTICE_TYPES)[number];

/** Every event, in the order of the docs. */
export const EVENT_TYPES = [...JOB_EVENT_TYPES, 'upload.completed', ...NOTICE_TYPES] as const;
export type EventType = (typeof EVENT_TYPES)[number];
