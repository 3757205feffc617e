/** What the engine says to plain HTTP: refusals, repeated submits, positions, files. */

import { readdir, readlink } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  ENDPOINT,
  eventually,
  HEADERS,
  INPUT,
  status,
  submit,
  submitted,
  testEngine,
  untilCompleted,
} from '../support/engine-queue.ts';

describe('a submit', () => {
  it('answers where to ask', async () => {
    const { engine } = await testEngine();
    const response = await submit(engine);
    const answer = (await response.json()) as { request_id: string };
    const url = `${engine.url}/fal-ai/ltx-2.3/requests/${answer.request_id}`;
    expect(response.status).toBe(200);
    expect(response.headers.get('x-fal-request-id')).toBe(answer.request_id);
    expect(answer).toEqual({
      status: 'IN_QUEUE',
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      gateway_request_id: answer.request_id,
      response_url: url,
      status_url: `${url}/status`,
      cancel_url: `${url}/cancel`,
      queue_position: 0,
    });
  });

  it.each([
    ['without a key', { headers: {} }, 401, 'Authentication is required'],
    ['with another scheme', { headers: { authorization: 'Bearer x' } }, 401, 'Authentication is required'],
    ['with an empty key', { headers: { authorization: 'Key ' } }, 401, 'Authentication is required'],
    ['that is no JSON', { body: '{"prompt":' }, 422, 'json_invalid'],
    ['that is no object', { body: '[]' }, 422, 'dict_type'],
    ['without fields', { body: '{}' }, 422, 'missing'],
    ['to an endpoint that is not there', { path: 'fal-ai/ltx-2.3/image-to-video' }, 404, 'not found'],
    ['with a webhook that is no URL', { path: `${ENDPOINT}?fal_webhook=nowhere` }, 400, 'bad_request'],
    [
      'with a time-out that is none',
      { headers: { ...HEADERS, 'x-fal-request-timeout': 'soon' } },
      400,
      'bad_request',
    ],
  ])('%s is refused and leaves nothing', async (_, call, code, words) => {
    const { engine, renderer, log } = await testEngine();
    const response = await fetch(`${engine.url}/${'path' in call ? call.path : ENDPOINT}`, {
      method: 'POST',
      headers: 'headers' in call ? call.headers : HEADERS,
      body: 'body' in call ? call.body : JSON.stringify(INPUT),
    });
    expect(response.status).toBe(code);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toContain(words);
    expect(renderer.started).toHaveLength(0);
    expect(log.filter((entry) => entry.event === 'request_queued')).toHaveLength(0);
  });

  it('larger than 32 MiB is refused while it comes in', async () => {
    const { engine } = await testEngine();
    const answered = Promise.withResolvers<number | undefined>();
    const call = httpRequest(
      `${engine.url}/${ENDPOINT}`,
      { method: 'POST', headers: HEADERS },
      (response) => {
        answered.resolve(response.statusCode);
        call.destroy();
      },
    );
    call.on('error', answered.reject);
    // It would go on for ever: only an answer ends it.
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const pump = () => {
      while (!call.destroyed && call.write(chunk));
      if (!call.destroyed) call.once('drain', pump);
    };
    pump();
    expect(await answered.promise).toBe(413);
    expect((await submit(engine)).status).toBe(200);
  });

  it('of 20 MB is taken', async () => {
    const { engine, renderer } = await testEngine();
    const image_url = `data:image/png;base64,${'A'.repeat(20_000_000)}`;
    expect((await submit(engine, undefined, { ...INPUT, image_url })).status).toBe(200);
    expect((await renderer.next()).request.image_url).toBe(image_url);
  });
});

describe('submits with one callback URL', () => {
  it('are one request, fifty at once or later', async () => {
    const { engine, renderer } = await testEngine();
    const blocker = await submitted(engine);
    const render = await renderer.next();
    const hook = 'http://127.0.0.1:1/callback?job=1';
    const answers = await Promise.all(Array.from({ length: 50 }, () => submitted(engine, hook)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.queue_position).toBe(0);
    expect((await submitted(engine, `${hook}2`)).queue_position).toBe(1);

    const [answer] = answers;
    if (!answer) throw new Error('no answer');
    render.finish();
    await untilCompleted(blocker.status_url);
    (await renderer.next()).finish();
    await untilCompleted(answer.status_url);
    expect(await submitted(engine, hook)).toEqual(answer);
    await renderer.next();
    expect(renderer.started).toHaveLength(3);
  });

  it('and those without one are many', async () => {
    const { engine } = await testEngine();
    const answers = await Promise.all(Array.from({ length: 10 }, () => submitted(engine)));
    expect(new Set(answers.map((answer) => answer.request_id)).size).toBe(10);
  });
});

describe('the queue', () => {
  it('runs one at a time, in order, with true positions', async () => {
    const { engine, renderer } = await testEngine();
    const jobs = [];
    for (const prompt of ['a', 'b', 'c', 'd'])
      jobs.push(await submitted(engine, undefined, { ...INPUT, prompt }));
    const [a, b, c, d] = jobs;
    if (!a || !b || !c || !d) throw new Error('four were submitted');
    const first = await renderer.next();
    expect(await status(a)).toMatchObject({ http: 202, status: 'IN_PROGRESS' });
    expect((await Promise.all([b, c, d].map(status))).map((body) => body.queue_position)).toEqual([0, 1, 2]);

    await fetch(b.cancel_url, { method: 'PUT', headers: HEADERS });
    expect((await Promise.all([c, d].map(status))).map((body) => body.queue_position)).toEqual([0, 1]);
    first.finish();
    const second = await renderer.next();
    expect(second.request.prompt).toBe('c');
    expect(await status(a)).toMatchObject({ http: 200, status: 'COMPLETED' });
    expect(await status(d)).toMatchObject({ http: 202, status: 'IN_QUEUE', queue_position: 0 });
  });

  it('runs as many at a time as it may', async () => {
    const { engine, renderer } = await testEngine({ concurrency: 2 });
    const jobs = await Promise.all([submitted(engine), submitted(engine), submitted(engine)]);
    const first = await renderer.next();
    await renderer.next();
    expect(
      (await Promise.all(jobs.map(status))).filter((body) => body.status === 'IN_PROGRESS'),
    ).toHaveLength(2);
    expect(renderer.started).toHaveLength(2);
    first.crash();
    await renderer.next();
  });

  it('fails one job when its render dies, and runs the next', async () => {
    const { engine, renderer, log } = await testEngine();
    const [dying, next] = [await submitted(engine), await submitted(engine)];
    (await renderer.next()).crash();
    expect((await untilCompleted(dying.status_url)).at(-1)).toMatchObject({
      status: 'COMPLETED',
      error_type: 'internal_server_error',
    });
    const result = await fetch(dying.response_url, { headers: HEADERS });
    expect([result.status, await result.json()]).toEqual([
      500,
      { detail: [{ loc: ['body'], msg: 'Internal server error', type: 'internal_server_error' }] },
    ]);
    (await renderer.next()).finish();
    await untilCompleted(next.status_url);
    const answer = await fetch(`${next.response_url}/response`, { headers: HEADERS });
    expect([answer.status, answer.headers.get('x-fal-request-id')]).toEqual([200, next.request_id]);
    expect(log).toContainEqual(expect.objectContaining({ event: 'render_ended', message: 'the child died' }));
  });

  it('survives a renderer that cannot start or breaks its word', async () => {
    const { engine } = await testEngine({
      startRender: (request, { outputPath }) => {
        if (request.prompt === 'throw') throw new Error('no process');
        const file = { path: outputPath, bytes: 5, width: 2, height: 2, fps: 25, duration: 6, frames: 150 };
        const outcome =
          request.prompt === 'reject'
            ? Promise.reject(new Error('broken'))
            : Promise.resolve({ kind: 'done' as const, file }); // There is no such file.
        return { outcome, cancel() {}, pid: undefined };
      },
    });
    for (const prompt of ['throw', 'reject', 'lie']) {
      const job = await submitted(engine, undefined, { ...INPUT, prompt });
      expect((await untilCompleted(job.status_url)).at(-1)).toMatchObject({
        error_type: 'internal_server_error',
      });
    }
  });

  it('writes no prompt, image or key to the log', async () => {
    const { engine, renderer, log } = await testEngine();
    const job = await submitted(engine, 'http://127.0.0.1:1/secret-token');
    (await renderer.next()).finish();
    await untilCompleted(job.status_url);
    expect(JSON.stringify(log)).not.toMatch(/slowly in|base64|any:key|secret-token/);
    expect(log.map((entry) => entry.event)).toEqual(
      expect.arrayContaining(['engine_started', 'request_queued', 'render_started', 'render_ended']),
    );
  });
});

describe('callers from elsewhere', () => {
  it('get no answer under another name, nor leave to read one', async () => {
    const { engine } = await testEngine();
    const { port } = new URL(engine.url);
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ port, host: '127.0.0.1', headers: { host: 'evil.example', ...HEADERS } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(403);
    const allowed = async (origin: string) =>
      (await fetch(`${engine.url}/${ENDPOINT}`, { method: 'OPTIONS', headers: { origin } })).headers.get(
        'access-control-allow-origin',
      );
    expect(await allowed('https://evil.example')).toBeNull();
    expect(await allowed('http://localhost:8787')).toBe('http://localhost:8787');
  });
});

describe('a video', () => {
  /** A finished job with ten bytes of video. */
  async function finished() {
    const { engine, renderer } = await testEngine();
    const job = await submitted(engine);
    (await renderer.next()).finish('0123456789');
    await untilCompleted(job.status_url);
    return `${engine.url}/files/${job.request_id}/video.mp4`;
  }

  it.each([
    [undefined, 200, '0123456789', null],
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
  ])('with Range %s is %i', async (range, code, text, contentRange) => {
    const response = await fetch(await finished(), { headers: range === undefined ? {} : { range } });
    expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([
      code,
      text,
      contentRange,
    ]);
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    if (code !== 416) expect(response.headers.get('content-length')).toBe(String(text.length));
  });

  it('has a tag, for HEAD, If-None-Match and If-Range', async () => {
    const url = await finished();
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), head.headers.get('content-type')]).toEqual([
      200,
      '10',
      'video/mp4',
    ]);
    const etag = head.headers.get('etag') ?? '';
    expect(etag).toMatch(/^".+"$/);
    const code = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
    expect(await code({ 'if-none-match': etag })).toBe(304);
    expect(await code({ 'if-none-match': '"other"' })).toBe(200);
    expect(await code({ range: 'bytes=0-1', 'if-range': etag })).toBe(206);
    expect(await code({ range: 'bytes=0-1', 'if-range': '"other"' })).toBe(200);
  });

  it('is let go when its reader leaves', async () => {
    const { engine, renderer } = await testEngine();
    const job = await submitted(engine);
    (await renderer.next()).finish(Buffer.alloc(50_000_000));
    await untilCompleted(job.status_url);
    const response = await fetch(`${engine.url}/files/${job.request_id}/video.mp4`);
    const openVideos = async () => {
      const links = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      );
      return links.filter((link) => link.includes(job.request_id)).length;
    };
    expect(await openVideos()).toBe(1);
    await response.body?.cancel();
    await eventually(openVideos).toBe(0);
  });

  it('is served under its name, and nothing else is', async () => {
    const url = await finished();
    for (const other of [
      url.replace('video.mp4', 'other.mp4'),
      url.replace('video.mp4', '..%2f..%2fqueue.sqlite'),
      url.replace(/files\/[^/]+/, 'files/none'),
    ]) {
      expect((await fetch(other)).status).toBe(404);
    }
  });
});
