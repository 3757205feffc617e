import { expect, it } from 'vitest';
import { Changes } from '../../src/engine/server/changes.ts';
import type { StatusBody } from '../../src/engine/server/replies.ts';
import type { LogEntry } from '../../src/engine/server/requests.ts';
import { statusStream } from '../../src/engine/server/status-stream.ts';

const URLS = { request_id: 'r', response_url: 'r', status_url: 's', cancel_url: 'c' };
const line = (message: string): LogEntry => ({ message, timestamp: 't', level: 'INFO', source: 'USER' });

/** A stream over a status that the test sets. */
function watch(first: StatusBody | undefined) {
  const changes = new Changes();
  const closing = new AbortController();
  let present = first;
  const reader = statusStream(() => present, changes, closing.signal).getReader();
  return {
    changes,
    closing,
    reader,
    set(status: StatusBody | undefined) {
      present = status;
      changes.notify();
    },
    async next(): Promise<unknown> {
      const { value, done } = await reader.read();
      return done ? 'end' : JSON.parse(new TextDecoder().decode(value).slice('data: '.length));
    },
  };
}

it('says each change once, with the log lines that are new', async () => {
  const stream = watch({ status: 'IN_QUEUE', ...URLS, queue_position: 1 });
  expect(await stream.next()).toMatchObject({ status: 'IN_QUEUE', queue_position: 1 });
  stream.set({ status: 'IN_PROGRESS', ...URLS, logs: [line('a')] });
  expect(await stream.next()).toMatchObject({ logs: [line('a')] });
  stream.changes.notify();
  stream.set({ status: 'IN_PROGRESS', ...URLS, logs: [line('a'), line('b')] });
  expect(await stream.next()).toMatchObject({ logs: [line('b')] });
  stream.set({ status: 'COMPLETED', ...URLS, logs: [line('a'), line('b'), line('c')] });
  expect(await stream.next()).toMatchObject({ status: 'COMPLETED', logs: [line('c')] });
  expect(await stream.next()).toBe('end');
  expect(stream.changes.watchers).toBe(0);
});

it('leaves out for a slow reader what has been overtaken', async () => {
  const stream = watch({ status: 'IN_QUEUE', ...URLS, queue_position: 9 });
  for (let position = 8; position > 0; position -= 1) {
    stream.set({ status: 'IN_QUEUE', ...URLS, queue_position: position });
  }
  stream.set({ status: 'COMPLETED', ...URLS });
  const seen: unknown[] = [];
  for (let event = await stream.next(); event !== 'end'; event = await stream.next()) seen.push(event);
  expect(seen.length).toBeLessThanOrEqual(2);
  expect(seen.at(-1)).toMatchObject({ status: 'COMPLETED' });
});

it.each([
  ['the reader leaves', (stream: ReturnType<typeof watch>) => stream.reader.cancel()],
  ['the engine closes', (stream: ReturnType<typeof watch>) => stream.closing.abort()],
  ['the request is gone', (stream: ReturnType<typeof watch>) => stream.set(undefined)],
])('lets go when %s', async (_, leave) => {
  const stream = watch({ status: 'IN_PROGRESS', ...URLS });
  expect(await stream.next()).toMatchObject({ status: 'IN_PROGRESS' });
  await leave(stream);
  expect(await stream.next()).toBe('end');
  expect(stream.changes.watchers).toBe(0);
  stream.changes.notify();
});
