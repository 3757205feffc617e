import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { homeShard, mintId } from '../../src/worker/ids.ts';
import { admin, Customer, type Json, PUBLIC_URL, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { ask, problem, send, stable, untouchable, workerWith } from './api-door.ts';
import { failing, sql } from './api-faults.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';
import { about, headersOf, job, LINKS, madeLink, makeLink, submit, upload } from './links-api-fixtures.ts';
import { config, fixtures } from './media-fixtures.ts';

const NOT_FOUND = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');

describe('a link that is looked at', () => {
  it('is what was answered when it was made, under a fresh address', async () => {
    const { customer, link } = await madeLink({ metadata: { order: '1' }, job: job() });
    const answer = await about(customer, link.upload_id);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(stable(answer)).toEqual({
      ...stable({ ...answer, body: link }),
      url: expect.stringMatching(/^https:\/\/firstframe\.test\/u\//),
    });
    expect(answer.body.url).not.toBe(link.url);
    installUpstream();
    expect((await upload(answer.body.url)).status).toBe(201);
  });

  it('tells what was uploaded, and no address to send to', async () => {
    const { customer, link } = await madeLink({ types: ['image/jpeg'] });
    expect((await upload(link.url, fixtures.jpg())).status).toBe(201);
    const { url: _, ...rest } = link;
    const { body } = await about(customer, link.upload_id);
    expect(body).toEqual({
      ...rest,
      image_url: expect.any(String),
      status: 'uploaded',
      content_type: 'image/jpeg',
      bytes: fixtures.jpg().length,
      width: 48,
      height: 32,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      uploaded_at: expect.any(String),
    });
  });

  it('tells its job, and in the end the video', async () => {
    const { upstream } = installUpstream();
    const prompt = uniquePrompt();
    const { customer, link } = await madeLink({ job: { prompt }, metadata: { order: '2' } });
    await upload(link.url);
    const started = (await about(customer, link.upload_id)).body;
    expect(started).toMatchObject({ status: 'uploaded', job_id: expect.stringMatching(/^job_/) });
    expect(started).not.toHaveProperty('job_error');
    expect(started).not.toHaveProperty('result');
    await upstream.saw('submit', prompt);
    await upstream.callBack(prompt, 'ok', (request) => exports.default.fetch(request));
    expect(await customer.ended(started.job_id)).toMatchObject({ metadata: { order: '2' } });
    const { result } = (await about(customer, link.upload_id)).body;
    expect(result.video).toMatchObject({ content_type: 'video/mp4', width: 1_920 });
    expect((await ask(new URL(result.video.url).pathname)).status).toBe(200);
  });

  it('tells why its job made no video', async () => {
    const { upstream } = installUpstream();
    const prompt = uniquePrompt();
    const { customer, link } = await madeLink({ job: { prompt } });
    await upload(link.url);
    await upstream.saw('submit', prompt);
    await upstream.callBack(prompt, { error: 'image_load_error' }, (request) =>
      exports.default.fetch(request),
    );
    const { job_id } = (await about(customer, link.upload_id)).body;
    await customer.ended(job_id);
    expect((await about(customer, link.upload_id)).body.job_error).toEqual({
      code: 'image_not_loadable',
      message: expect.any(String),
    });
  });

  it('has expired when it has, and has no address then', async () => {
    const world = await World.create();
    const { body: link } = await makeLink(world.customer, { expires_in: 60, job: job() });
    world.clock.advance(MINUTE_MS + 1_000);
    const { body } = await about(world.customer, link.upload_id);
    expect(body.status).toBe('expired');
    expect(body).not.toHaveProperty('url');
    expect(body).not.toHaveProperty('image_url');
    expect((await upload(link.url)).body.code).toBe('link_expired');
  });

  it('is the account’s, whichever of its keys made it, and nobody else’s', async () => {
    const { customer, link } = await madeLink();
    const { key } = await admin('POST', `/accounts/${customer.account}/keys`, { name: 'another' });
    const other = await ask(`${LINKS}/${link.upload_id}`, { headers: { 'X-API-Key': key } });
    expect([other.status, other.body.upload_id]).toEqual([200, link.upload_id]);
    for (const [method, below] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/submit'],
    ] as const) {
      const stranger = await Customer.create();
      expect(stable(await about(stranger, link.upload_id, method, below))).toEqual(NOT_FOUND);
    }
    expect((await about(customer, link.upload_id)).body.status).toBe('pending');
  });

  it('that was never made touches no object', async () => {
    const customer = await Customer.create();
    const other = await Customer.create();
    const ring = config.SIGNING_SECRETS;
    const ids = [
      'up_1',
      `up_${'0'.repeat(31)}`,
      mintId(ring, 'job', homeShard(customer.account), Date.now()),
      mintId(ring, 'up', homeShard(other.account), Date.now()),
      `${mintId(ring, 'up', homeShard(customer.account), Date.now())}0`,
    ];
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    for (const id of ids) {
      for (const [method, below] of [
        ['GET', ''],
        ['DELETE', ''],
        ['POST', '/submit'],
      ] as const) {
        const answer = await door(`${LINKS}/${id}${below}`, { method, headers: headersOf(customer) });
        expect(stable(answer), id).toEqual(NOT_FOUND);
      }
    }
    expect(touched).toEqual([]);
  });

  it('is 404 where it is an upload of another kind, or none', async () => {
    const customer = await Customer.create();
    await makeLink(customer);
    const init = { method: 'POST', headers: headersOf(customer), body: fixtures.png() };
    const { upload_id } = (await ask('/api/uploads', init)).body;
    const shard = homeShard(customer.account);
    for (const id of [upload_id, mintId(config.SIGNING_SECRETS, 'up', shard, Date.now())]) {
      expect(stable(await about(customer, id))).toEqual(NOT_FOUND);
      expect(stable(await about(customer, id, 'DELETE'))).toEqual(NOT_FOUND);
      expect(stable(await about(customer, id, 'POST', '/submit'))).toEqual(NOT_FOUND);
    }
  });

  it('is 410 once links are remembered no more', async () => {
    const customer = await Customer.create();
    await makeLink(customer);
    const long = Date.now() - config.RESULT_RETENTION_DAYS * DAY_MS - DAY_MS;
    const id = mintId(config.SIGNING_SECRETS, 'up', homeShard(customer.account), long);
    const gone = problem(
      410,
      'upload_link_gone',
      'The upload link is gone',
      'This link was made longer ago than links are remembered. Its data has been deleted.',
    );
    expect(stable(await about(customer, id))).toEqual(gone);
    expect(stable(await about(customer, id, 'DELETE'))).toEqual(gone);
    expect(stable(await about(customer, id, 'POST', '/submit'))).toEqual(gone);
  });

  it('is 401 with a revoked key, and 503 while its shard is away', async () => {
    const { customer, link } = await madeLink();
    const away = workerWith({ SHARDS: failing('SHARDS', 'link', 'links', 'revokeLink', 'startLink') });
    const path = `${LINKS}/${link.upload_id}`;
    const headers = headersOf(customer);
    for (const [method, at] of [
      ['GET', path],
      ['GET', LINKS],
      ['DELETE', path],
      ['POST', `${path}/submit`],
    ] as const) {
      expect((await away(at, { method, headers })).body.code).toBe('jobs_unavailable');
    }
    await admin('DELETE', `/accounts/${customer.account}/keys/${customer.keyId}`);
    for (const [method, at] of [
      ['GET', path],
      ['GET', LINKS],
      ['DELETE', path],
      ['POST', `${path}/submit`],
    ] as const) {
      expect((await ask(at, { method, headers })).body.code).toBe('unauthorized');
    }
    const { key } = await admin('POST', `/accounts/${customer.account}/keys`, { name: 'next' });
    const next = await ask(path, { headers: { 'X-API-Key': key } });
    expect(next.body.status).toBe('revoked');
    expect((await upload(link.url)).body.code).toBe('link_revoked');
  });
});

describe('an Idempotency-Key', () => {
  const MISMATCH = problem(
    422,
    'idempotency_mismatch',
    'The Idempotency-Key was used for another request',
    'This Idempotency-Key belongs to a request with other content. Use a new key for a new request.',
  );

  it('makes one link, which is answered as it is now', async () => {
    const customer = await Customer.create();
    const fields = { metadata: { a: '1', b: '2' }, job: job() };
    const key = { 'Idempotency-Key': 'once' };
    const first = await makeLink(customer, fields, key);
    expect([first.status, first.headers.get('Idempotent-Replayed')]).toEqual([201, null]);
    const spelled = {
      job: { ...fields.job, model: 'ltx-2.3-image-to-video', duration: 6, generate_audio: true },
      metadata: { b: '2', a: '1' },
      expires_in: 1_800,
      role: 'start',
      max_bytes: 20_971_520,
      types: ['image/heif', 'image/avif', 'image/webp', 'image/jpeg', 'image/png'],
      api_key: customer.key,
    };
    for (const again of [fields, spelled]) {
      const answer = await makeLink(customer, again, { 'Idempotency-Key': '"once"' });
      expect([answer.status, answer.headers.get('Idempotent-Replayed')]).toEqual([201, 'true']);
      expect(answer.headers.get('Location')).toBe(`${LINKS}/${first.body.upload_id}`);
      const { url, ...rest } = answer.body;
      expect({ ...rest, url: first.body.url }).toEqual(first.body);
      expect(url).toContain(`${PUBLIC_URL}/u/`);
    }
    expect((await sql(customer, 'SELECT count(*) AS count FROM links'))[0]?.count).toBe(1);
    installUpstream();
    expect((await upload(first.body.url)).status).toBe(201);
    const later = await makeLink(customer, fields, key);
    expect([later.status, later.body.status]).toEqual([201, 'uploaded']);
    expect(later.body.job_id).toMatch(/^job_/);
  });

  it('makes one link also when it comes several times at once', async () => {
    const customer = await Customer.create();
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => makeLink(customer, {}, { 'Idempotency-Key': 'race' })),
    );
    expect(new Set(answers.map(({ body }) => body.upload_id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.has('Idempotent-Replayed'))).toHaveLength(3);
  });

  it.each<[string, Record<string, unknown>]>([
    ['expires_in', { expires_in: 1_801 }],
    ['max_bytes', { max_bytes: 1_000 }],
    ['types', { types: ['image/png'] }],
    ['sha256', { sha256: 'b'.repeat(64) }],
    ['role', { role: 'end', job: { prompt: 'p', image_url: 'https://images.example.org/end.png' } }],
    ['redirect_url', { redirect_url: 'https://customer.example.org/other' }],
    ['webhook_url', { webhook_url: 'https://customer.example.org/other' }],
    ['metadata', { metadata: { order: '8' } }],
    ['no job', { job: undefined }],
    ['prompt', { job: { prompt: 'q', end_image_url: 'https://images.example.org/end.png' } }],
    ['duration', { job: { prompt: 'p', end_image_url: 'https://images.example.org/end.png', duration: 8 } }],
    ['image', { job: { prompt: 'p', end_image_url: 'https://images.example.org/other.png' } }],
  ])('with another %s is 422', async (_, fields) => {
    const customer = await Customer.create();
    const one = {
      sha256: 'a'.repeat(64),
      redirect_url: 'https://customer.example.org/thanks',
      webhook_url: 'https://customer.example.org/hook',
      metadata: { order: '7' },
      job: { prompt: 'p', end_image_url: 'https://images.example.org/end.png' },
    };
    const key = { 'Idempotency-Key': 'one' };
    expect((await makeLink(customer, one, key)).status).toBe(201);
    const answer = await makeLink(customer, { ...one, ...fields }, key);
    expect(stable(answer)).toEqual(MISMATCH);
    expect(answer.headers.get('Idempotent-Replayed')).toBeNull();
  });

  it('of another account is another key, and is free again after a refusal', async () => {
    const [one, other] = [await Customer.create(), await Customer.create()];
    const key = { 'Idempotency-Key': 'shared' };
    expect((await makeLink(one, { expires_in: 0 }, key)).status).toBe(400);
    const [first, second] = [await makeLink(one, {}, key), await makeLink(other, {}, key)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.headers.get('Idempotent-Replayed')).toBeNull();
    expect((await makeLink(one, {}, { 'Idempotency-Key': 'x'.repeat(256) })).body.code).toBe(
      'invalid_idempotency_key',
    );
  });

  it('of a job is not one of a link', async () => {
    installUpstream();
    const customer = await Customer.create();
    const key = { 'Idempotency-Key': 'both' };
    expect((await customer.submit({}, key)).status).toBe(202);
    expect(stable(await makeLink(customer, {}, key))).toEqual(MISMATCH);
  });
});

describe('a link that is revoked', () => {
  it('says so, takes nothing any more, and may be revoked again', async () => {
    const { customer, link } = await madeLink({ job: job() });
    for (const _ of [1, 2]) {
      const answer = await about(customer, link.upload_id, 'DELETE');
      expect(answer.status).toBe(200);
      const { url: _url, image_url: _image, ...rest } = link;
      expect(answer.body).toEqual({ ...rest, status: 'revoked' });
    }
    expect((await upload(link.url)).body.code).toBe('link_revoked');
    expect(stable(await submit(customer, link.image_url)).errors).toEqual([
      { pointer: '/image_url', detail: 'nothing has been uploaded to this link' },
    ]);
    const start = await about(customer, link.upload_id, 'POST', '/submit');
    expect(start.body).toMatchObject({ code: 'not_uploaded', link_status: 'revoked' });
  });

  it('is 409 once the picture has come', async () => {
    const { customer, link } = await madeLink();
    await upload(link.url);
    expect(stable(await about(customer, link.upload_id, 'DELETE'))).toEqual(
      problem(
        409,
        'link_already_used',
        'The link was used',
        'A picture has been sent to this link already, so there is nothing to revoke.',
      ),
    );
    expect((await about(customer, link.upload_id)).body.status).toBe('uploaded');
  });
});

describe('the list', () => {
  /** The list of a customer, page by page. */
  async function pages(customer: Customer, limit: number): Promise<Json[][]> {
    const all: Json[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query = `?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const answer = await ask(LINKS + query, { headers: headersOf(customer) });
      expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([200, 'no-store']);
      all.push(answer.body.data);
      cursor = answer.body.next_cursor;
    }
    return all;
  }

  it('has every link once, the newest first', async () => {
    const world = await World.create();
    const { customer } = world;
    const made: string[] = [];
    for (let at = 0; at < 5; at++) {
      made.unshift((await makeLink(customer, { metadata: { at: String(at) } })).body.upload_id);
      world.clock.advance(10);
    }
    await makeLink(await Customer.create());
    for (const [limit, sizes] of [
      [1, [1, 1, 1, 1, 1]],
      [2, [2, 2, 1]],
      [5, [5]],
      [100, [5]],
    ] as const) {
      const all = await pages(customer, limit);
      expect(all.map(({ length }) => length)).toEqual(sizes);
      expect(all.flat().map(({ upload_id }) => upload_id)).toEqual(made);
    }
    const [[newest]] = (await pages(customer, 1)) as [[Json]];
    const { url: _, ...single } = (await about(customer, newest.upload_id)).body;
    expect(newest).toMatchObject(single);
    expect((await upload(newest.url)).status).toBe(201);
  });

  it('goes on where it was, whatever is made meanwhile', async () => {
    const world = await World.create();
    const { customer } = world;
    const headers = headersOf(customer);
    const old = [await makeLink(customer), await makeLink(customer)].map(({ body }) => body.upload_id);
    world.clock.advance(10);
    const { body } = await ask(`${LINKS}?limit=1`, { headers });
    await makeLink(customer);
    const next = await ask(`${LINKS}?limit=1&cursor=${body.next_cursor}`, { headers });
    const seen = [...body.data, ...next.body.data].map(({ upload_id }: Json) => upload_id);
    expect(seen.sort()).toEqual(old.sort());
    expect(next.body.next_cursor).toBeNull();
  });

  it('has 20 links unless it is told otherwise, and may be empty', async () => {
    const customer = await Customer.create();
    const headers = headersOf(customer);
    expect((await ask(LINKS, { headers })).body).toEqual({ data: [], next_cursor: null });
    await Promise.all(Array.from({ length: 21 }, () => makeLink(customer)));
    const { body } = await ask(LINKS, { headers });
    expect(body.data).toHaveLength(20);
    expect(body.next_cursor).toMatch(/^[\w-]+$/);
  });

  it.each(['0', '101', '-1', '1.5', 'ten', '', '1000'])('has no page of %j', async (limit) => {
    const customer = await Customer.create();
    const answer = await ask(`${LINKS}?limit=${limit}`, { headers: headersOf(customer) });
    expect([answer.status, answer.body.errors]).toEqual([
      400,
      [{ pointer: '?limit', detail: 'must be 1 to 100' }],
    ]);
  });

  it('has no page at a cursor that is not of it', async () => {
    const [customer, other] = [await Customer.create(), await Customer.create()];
    await Promise.all([1, 2].map(() => makeLink(other)));
    const foreign = (await ask(`${LINKS}?limit=1`, { headers: headersOf(other) })).body.next_cursor;
    const id = (await makeLink(customer)).body.upload_id;
    for (const cursor of ['', 'x', 'AAAA', id, foreign, `${foreign}A`, '%00', 'ü']) {
      const path = `${LINKS}?cursor=${encodeURIComponent(cursor)}`;
      const answer = await ask(path, { headers: headersOf(customer) });
      expect([answer.status, answer.body.errors], cursor).toEqual([
        400,
        [
          {
            pointer: '?cursor',
            detail: 'is not a cursor of this list; take next_cursor as it was answered',
          },
        ],
      ]);
    }
  });
});

describe('a job that is started later', () => {
  it('waits for credits, and is one job however often it is asked for', async () => {
    const { upstream } = installUpstream();
    const prompt = uniquePrompt();
    const { customer, link } = await madeLink({ job: { prompt } }, 0);
    const { upload_id } = link;
    expect((await upload(link.url)).status).toBe(201);
    expect((await about(customer, upload_id)).body).toMatchObject({
      status: 'uploaded',
      job_error: {
        code: 'insufficient_credits',
        message: `The job needs 29 credits, and the account had fewer. Add credits, then send POST /api/upload-links/${upload_id}/submit.`,
      },
    });
    expect(stable(await about(customer, upload_id, 'POST', '/submit'))).toEqual(
      problem(
        402,
        'insufficient_credits',
        'Insufficient credits',
        'This job needs 29 credits and 0 are available. Nothing was charged.',
        { balance: 0, required: 29 },
      ),
    );
    await admin('POST', `/accounts/${customer.account}/credits`, { credits: 100, reference: 'later' });
    const first = await send(`${LINKS}/${upload_id}/submit`, { api_key: customer.key });
    expect(first.body).toEqual({
      job_id: expect.stringMatching(/^job_/),
      status: 'in_progress',
      credits_charged: 29,
      cost_usd: 0.288,
    });
    expect([first.status, first.headers.get('Location')]).toEqual([
      202,
      `/api/fal/status/${first.body.job_id}`,
    ]);
    expect(first.headers.get('Idempotent-Replayed')).toBeNull();
    expect(first.headers.get('Retry-After')).toMatch(/^\d+$/);
    const again = await Promise.all([1, 2, 3].map(() => about(customer, upload_id, 'POST', '/submit')));
    for (const answer of again) {
      expect([answer.status, answer.headers.get('Idempotent-Replayed')]).toEqual([202, 'true']);
      expect(answer.body).toEqual(first.body);
    }
    const { body } = await about(customer, upload_id);
    expect(body.job_id).toBe(first.body.job_id);
    expect(body).not.toHaveProperty('job_error');
    await upstream.saw('submit', prompt);
    expect(upstream.count('submit', prompt)).toBe(1);
    await upstream.callBack(prompt, 'ok', (request) => exports.default.fetch(request));
    await customer.ended(first.body.job_id);
    const done = await about(customer, upload_id, 'POST', '/submit');
    expect([done.status, done.headers.get('Idempotent-Replayed')]).toEqual([200, 'true']);
    expect(done.body).toMatchObject({ job_id: first.body.job_id, status: 'completed' });
    expect(await customer.credits()).toEqual({ available: 71, held: 0, captured: 29 });
  });

  it('is the upload’s own, where it started by itself', async () => {
    installUpstream();
    const { customer, link } = await madeLink({ job: job() });
    await upload(link.url);
    const { job_id } = (await about(customer, link.upload_id)).body;
    const answer = await about(customer, link.upload_id, 'POST', '/submit');
    expect([answer.status, answer.headers.get('Idempotent-Replayed')]).toEqual([202, 'true']);
    expect(answer.body.job_id).toBe(job_id);
    expect((await customer.credits()).held).toBe(29);
  });

  it('needs a picture, and a job', async () => {
    const pending = await madeLink({ job: job() });
    expect(stable(await about(pending.customer, pending.link.upload_id, 'POST', '/submit'))).toEqual(
      problem(
        409,
        'not_uploaded',
        'No picture yet',
        'No picture has been sent to this link, which is "pending".',
        { link_status: 'pending' },
      ),
    );
    const plain = await madeLink();
    await upload(plain.link.url);
    expect(stable(await about(plain.customer, plain.link.upload_id, 'POST', '/submit'))).toEqual(
      problem(
        409,
        'no_job',
        'The link has no job',
        'This link was made without a job. Submit one with its image_url.',
      ),
    );
  });

  it('is not named when its answer was lost: it may have started under another id', async () => {
    const { customer, link } = await madeLink({ job: job() }, 0);
    await upload(link.url);
    const away = workerWith({ SHARDS: failing('SHARDS', 'startLink') });
    const init = { method: 'POST', headers: headersOf(customer) };
    const answer = await away(`${LINKS}/${link.upload_id}/submit`, init);
    expect([answer.status, answer.body.code]).toEqual([503, 'jobs_unavailable']);
    expect(answer.body).not.toHaveProperty('job_id');
    expect(answer.body.detail).toContain('safe to ask again');
  });

  it('is told to be forgotten, while its link is there', async () => {
    const world = await World.create({ credits: 290 });
    const { body: link } = await makeLink(world.customer, { job: job() });
    await upload(link.url);
    const { job_id } = (await about(world.customer, link.upload_id)).body;
    expect(job_id).toMatch(/^job_/);
    await world.sql('UPDATE jobs SET expired_at = ? WHERE id = ?', [Date.now(), job_id]);
    const answer = await about(world.customer, link.upload_id, 'POST', '/submit');
    expect([answer.status, answer.body.code]).toEqual([410, 'job_expired']);
    expect((await about(world.customer, link.upload_id)).status).toBe(200);
  });

  it('cannot start without its picture, and says so', async () => {
    const world = await World.create({ credits: 0 });
    const { body: link } = await makeLink(world.customer, { job: job() });
    await upload(link.url);
    world.clock.advance(config.INPUT_RETENTION_HOURS * HOUR_MS + MINUTE_MS);
    const answer = await about(world.customer, link.upload_id, 'POST', '/submit');
    expect([answer.status, answer.body.code]).toEqual([410, 'picture_expired']);
    expect((await about(world.customer, link.upload_id)).status).toBe(200);
  });
});
