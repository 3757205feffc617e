/** The real `@fal-ai/client`, unmodified, against the engine. */

import { ApiError, type QueueStatus, ValidationError } from '@fal-ai/client';
import { describe, expect, it } from 'vitest';
import { ENDPOINT, eventually, falClient, INPUT, testEngine } from '../support/engine-queue.ts';

/** What a promise was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it was fulfilled');
    },
    (error: unknown) => error,
  );
}

/** The client's types spell the numbers of this endpoint as strings; fal's schema, and so the wire, has numbers. */
function numbers(input: typeof INPUT & { duration: number; fps: number }): typeof INPUT {
  return input;
}

describe('subscribe', () => {
  it('polls until the video is there', async () => {
    const { engine, renderer } = await testEngine();
    const client = falClient(engine.url);
    const updates: QueueStatus[] = [];
    const subscription = client.subscribe(ENDPOINT, {
      input: numbers({ ...INPUT, duration: 8, fps: 24 }),
      logs: true,
      pollInterval: 20,
      onQueueUpdate: (update) => updates.push(update),
    });
    const render = await renderer.next();
    expect(render.request).toMatchObject({ ...INPUT, duration: 8, fps: 24, resolution: '1080p' });
    render.progress(96, 192);
    await eventually(() => updates.at(-1)?.status).toBe('IN_PROGRESS');
    render.finish('twelve bytes');
    const { data, requestId } = await subscription;
    expect(data).toEqual({
      video: {
        url: `${engine.url}/files/${requestId}/video.mp4`,
        content_type: 'video/mp4',
        file_name: 'video.mp4',
        file_size: 12,
        width: 1920,
        height: 1080,
        fps: 24,
        duration: 8,
        num_frames: 192,
      },
    });
    expect(updates.at(-1)).toMatchObject({
      status: 'COMPLETED',
      logs: [{ message: 'Rendered 96 of 192 frames', level: 'INFO', source: 'USER' }],
      metrics: { inference_time: expect.any(Number) },
    });
  });

  it('streams the status as well, each log line once', async () => {
    const { engine, renderer } = await testEngine();
    const lines: string[] = [];
    const subscription = falClient(engine.url).subscribe(ENDPOINT, {
      input: INPUT,
      mode: 'streaming',
      logs: true,
      onQueueUpdate: (update) => {
        if ('logs' in update) lines.splice(0, lines.length, ...update.logs.map((entry) => entry.message));
      },
    });
    const render = await renderer.next();
    render.progress(75, 150);
    await eventually(() => lines).toEqual(['Rendered 75 of 150 frames']);
    render.progress(150, 150);
    render.finish();
    expect((await subscription).data).toMatchObject({ video: { num_frames: 150 } });
    expect(lines).toEqual(['Rendered 75 of 150 frames', 'Rendered 150 of 150 frames']);
  });

  it('rejects with the error that the render ended with', async () => {
    const { engine, renderer } = await testEngine();
    const subscription = rejection(
      falClient(engine.url).subscribe(ENDPOINT, { input: INPUT, pollInterval: 20 }),
    );
    const detail = {
      loc: ['body', 'image_url'],
      msg: 'The image could not be loaded',
      type: 'image_load_error',
    };
    (await renderer.next()).fail(422, [detail]);
    const error = await subscription;
    if (!(error instanceof ValidationError)) throw error;
    expect(error).toMatchObject({ status: 422, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(error.getFieldErrors('image_url')).toEqual([detail]);
  });
});

describe('the queue', () => {
  it('submits, tells the status, streams it and gives the result', async () => {
    const { engine, renderer } = await testEngine();
    const client = falClient(engine.url);
    const first = await client.queue.submit(ENDPOINT, { input: INPUT });
    const render = await renderer.next();
    const second = await client.queue.submit(ENDPOINT, { input: INPUT });
    const third = await client.queue.submit(ENDPOINT, { input: INPUT });
    expect(third).toMatchObject({ status: 'IN_QUEUE', queue_position: 1 });
    const statusOf = (requestId: string) => client.queue.status(ENDPOINT, { requestId });
    expect(await statusOf(first.request_id)).toMatchObject({ status: 'IN_PROGRESS' });
    expect(await statusOf(second.request_id)).toMatchObject({ status: 'IN_QUEUE', queue_position: 0 });

    const stream = await client.queue.streamStatus(ENDPOINT, { requestId: third.request_id, logs: true });
    const seen: (string | number)[] = [];
    stream.on('data', (update) =>
      seen.push('queue_position' in update ? update.queue_position : update.status),
    );
    await eventually(() => seen).toEqual([1]);
    render.finish();
    (await renderer.next()).finish();
    (await renderer.next()).finish();
    expect(await stream.done()).toMatchObject({ status: 'COMPLETED', request_id: third.request_id });
    expect(seen[0]).toBe(1);
    expect(seen.at(-1)).toBe('COMPLETED');

    const result = await client.queue.result(ENDPOINT, { requestId: first.request_id });
    expect(result).toMatchObject({ requestId: first.request_id, data: { video: { duration: 6 } } });
  });

  it('is told that a result is not there yet', async () => {
    const { engine } = await testEngine();
    const client = falClient(engine.url);
    const { request_id: requestId } = await client.queue.submit(ENDPOINT, { input: INPUT });
    const error = await rejection(client.queue.result(ENDPOINT, { requestId }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400, body: { detail: 'Request is still in progress' }, requestId });
  });

  it('cancels what waits and what runs', async () => {
    const { engine, renderer } = await testEngine();
    const client = falClient(engine.url);
    const running = await client.queue.submit(ENDPOINT, { input: INPUT });
    const render = await renderer.next();
    const waiting = await client.queue.submit(ENDPOINT, { input: INPUT });
    for (const { request_id: requestId } of [waiting, running]) {
      await client.queue.cancel(ENDPOINT, { requestId });
      const ended = await client.queue.subscribeToStatus(ENDPOINT, { requestId, pollInterval: 20 });
      expect(ended).toMatchObject({ status: 'COMPLETED', error_type: 'client_cancelled' });
      const error = await rejection(client.queue.result(ENDPOINT, { requestId }));
      expect(error).toMatchObject({ status: 499, body: { error_type: 'client_cancelled' } });
      const again = await rejection(client.queue.cancel(ENDPOINT, { requestId }));
      expect(again).toMatchObject({ status: 400, body: { status: 'ALREADY_COMPLETED' } });
    }
    expect(render.canceled).toBe(true);
    expect(renderer.started).toHaveLength(1);
  });

  it('gives up what has not started in the time that the caller gave', async () => {
    const { engine, renderer } = await testEngine();
    const client = falClient(engine.url);
    await client.queue.submit(ENDPOINT, { input: INPUT });
    const render = await renderer.next();
    const { request_id: requestId } = await client.queue.submit(ENDPOINT, {
      input: INPUT,
      startTimeout: 1.1,
    });
    const status = await client.queue.subscribeToStatus(ENDPOINT, { requestId, pollInterval: 50 });
    expect(status).toMatchObject({ status: 'COMPLETED', error_type: 'request_timeout' });
    expect(await rejection(client.queue.result(ENDPOINT, { requestId }))).toMatchObject({
      status: 504,
      isUserTimeout: true,
    });
    expect(render.canceled).toBe(false);
    expect(renderer.started).toHaveLength(1);
  });

  it('refuses wrong input, naming every field', async () => {
    const { engine } = await testEngine();
    const input = { prompt: 'in', image_url: 'https://images.test/a.png', duration: 7, fps: 30 };
    const error = await rejection(falClient(engine.url).queue.submit(ENDPOINT, { input: numbers(input) }));
    if (!(error instanceof ValidationError)) throw error;
    expect(error.fieldErrors.map((field) => field.loc)).toEqual([
      ['body', 'duration'],
      ['body', 'fps'],
    ]);
  });

  it('knows neither other endpoints nor other requests', async () => {
    const { engine } = await testEngine();
    const client = falClient(engine.url);
    expect(await rejection(client.queue.submit('fal-ai/other/thing', { input: {} }))).toMatchObject({
      status: 404,
    });
    const requestId = crypto.randomUUID();
    for (const call of [
      client.queue.status(ENDPOINT, { requestId }),
      client.queue.result(ENDPOINT, { requestId }),
      client.queue.cancel(ENDPOINT, { requestId }),
    ]) {
      expect(await rejection(call)).toMatchObject({ status: 404, body: { status: 'NOT_FOUND' } });
    }
  });
});
