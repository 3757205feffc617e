import { describe, expect, it } from 'vitest';
import { eventList, orderedEvents, unusualEvents } from '../../src/worker/webhooks/event-list.ts';
import {
  DEFAULT_JOB_EVENTS,
  DEFAULT_LINK_EVENTS,
  JOB_EVENT_TYPES,
  LINK_EVENT_TYPES,
} from '../../src/worker/webhooks/types.ts';

describe('a list of events', () => {
  it('is in one order, whatever order it was given in, and has each once', () => {
    const given = ['job.failed', 'job.created', 'job.failed'] as const;
    expect(eventList(JOB_EVENT_TYPES).parse(given)).toEqual(given);
    expect(orderedEvents(JOB_EVENT_TYPES, given)).toEqual(['job.created', 'job.failed']);
  });

  it('is as long as there are types at most, and one error however long it is', () => {
    expect(eventList(JOB_EVENT_TYPES).safeParse([...JOB_EVENT_TYPES]).success).toBe(true);
    const long = eventList(JOB_EVENT_TYPES).safeParse(Array.from({ length: 6 }, () => 'x'));
    expect(long.error?.issues.map(({ message }) => message)).toEqual(['may name at most 5 event types']);
  });

  it.each([
    [JOB_EVENT_TYPES, DEFAULT_JOB_EVENTS],
    [LINK_EVENT_TYPES, DEFAULT_LINK_EVENTS],
  ] as const)('that says what is usual is none: %j', (types, usual) => {
    const named = orderedEvents<string>(types, usual.toReversed());
    expect(unusualEvents<string>(usual, named)).toBeUndefined();
    expect(unusualEvents<string>(usual, undefined)).toBeUndefined();
    const fewer = named.slice(1);
    expect(unusualEvents<string>(usual, fewer)).toBe(fewer);
    const all = [...types];
    expect(unusualEvents<string>(usual, all)).toBe(all);
  });
});
