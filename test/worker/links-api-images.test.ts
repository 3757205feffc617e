import { describe, expect, it } from 'vitest';
import { Customer, type Json, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { ask, jsonInit, problem, send, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { HOUR_MS, World } from './jobs-fixtures.ts';
import { about, GENERATE, headersOf, job, madeLink, makeLink, submit, upload } from './links-api-fixtures.ts';
import { bucket, config, fixtures } from './media-fixtures.ts';

const NO_UPLOAD = 'is not a valid link of an upload of this account, or has expired';
const NOTHING = 'nothing has been uploaded to this link';
const refused = (detail: string, pointer = '/image_url') =>
  problem(400, 'invalid_request', 'The request is not valid', `${pointer}: ${detail}`, {
    errors: [{ pointer, detail }],
  });
const pathOf = (url: string) => new URL(url).pathname;

const FORMATS = [
  ['png', 'image/png', 'png'],
  ['jpg', 'image/jpeg', 'jpg'],
  ['webp', 'image/webp', 'webp'],
  ['avif', 'image/avif', 'avif'],
  ['heic', 'image/heif', 'heic'],
] as const;

describe('the image_url of a link, in a job', () => {
  it.each(FORMATS)('is what was uploaded, for the upstream too: %s', async (name, type) => {
    const { upstream } = installUpstream();
    const { customer, link } = await madeLink();
    expect((await upload(link.url, fixtures[name]())).status).toBe(201);
    const prompt = uniquePrompt();
    const body = {
      prompt,
      image_url: link.image_url,
      end_image_url: link.image_url,
      response_mode: 'polling',
    };
    expect((await send(GENERATE, body, headersOf(customer))).status).toBe(202);
    await upstream.saw('submit', prompt);
    const input = upstream.requests[0]?.input ?? {};
    for (const field of ['image_url', 'end_image_url']) {
      const file = await workerWith({})(pathOf(String(input[field])));
      expect([file.status, file.headers.get('Content-Type')]).toEqual([200, type]);
      expect(file.headers.get('Content-Length')).toBe(String(fixtures[name]().length));
    }
  });

  it('is refused while nothing has been uploaded, with whatever else is wrong', async () => {
    const { customer, link } = await madeLink();
    expect(stable(await submit(customer, link.image_url))).toEqual(refused(NOTHING));
    const body = { prompt: 'p', image_url: link.image_url, end_image_url: link.image_url, duration: 7 };
    const { errors } = (await send(GENERATE, body, headersOf(customer))).body;
    expect(errors.map(({ pointer }: Json) => pointer)).toEqual(['/duration', '/image_url', '/end_image_url']);
    expect((await customer.credits()).held).toBe(0);
  });

  it('is of its own account alone, and asks nobody’s shard for another', async () => {
    const { link } = await madeLink();
    await upload(link.url);
    const other = await Customer.create();
    expect(stable(await submit(other, link.image_url))).toEqual(refused(NO_UPLOAD));
    // A shard that cannot be asked is not missed.
    const away = workerWith({ SHARDS: failing('SHARDS', 'openLink') });
    const body = { prompt: 'p', image_url: link.image_url };
    const answer = await away(GENERATE, jsonInit(body, headersOf(other)));
    expect(stable(answer)).toEqual(refused(NO_UPLOAD));
  });

  it('is the same image as its bytes under one Idempotency-Key', async () => {
    installUpstream();
    const { customer, link } = await madeLink();
    await upload(link.url);
    const fresh = (await about(customer, link.upload_id)).body.image_url;
    const body = { prompt: uniquePrompt(), response_mode: 'polling' };
    const headers = { ...headersOf(customer), 'Idempotency-Key': 'image' };
    const first = await send(GENERATE, { ...body, image_url: link.image_url }, headers);
    const again = await send(GENERATE, { ...body, image_url: fresh }, headers);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body.job_id).toBe(first.body.job_id);
  });

  it('ends with the picture, and is no image of a link without one', async () => {
    const world = await World.create();
    const { customer } = world;
    const { body: link } = await makeLink(customer, { expires_in: 7_200 });
    await upload(link.url);
    world.clock.advance(config.INPUT_RETENTION_HOURS * HOUR_MS - 1_000);
    expect((await submit(customer, link.image_url)).status).toBe(202);
    await world.quiet();
    // The address itself would last longer: it was made for a picture that might come late.
    world.clock.advance(2_000);
    expect(stable(await submit(customer, link.image_url))).toEqual(refused(NO_UPLOAD));
    expect((await ask(pathOf(link.image_url))).status).toBe(404);
    world.clock.advance(3 * HOUR_MS);
    expect((await ask(pathOf(link.image_url))).body.code).toBe('forbidden_link');
  });

  it('is 503 while the link’s shard is away, and nothing is held', async () => {
    const { customer, link } = await madeLink();
    await upload(link.url);
    const away = workerWith({ SHARDS: failing('SHARDS', 'openLink') });
    const body = { prompt: 'p', image_url: link.image_url };
    const answer = await away(GENERATE, jsonInit(body, headersOf(customer)));
    expect([answer.status, answer.body.code]).toEqual([503, 'jobs_unavailable']);
    expect((await away(pathOf(link.image_url))).body.code).toBe('jobs_unavailable');
    expect((await customer.credits()).held).toBe(0);
  });
});

describe('the image_url of a link, fetched', () => {
  it.each(FORMATS)('is the stored object, by its own type: %s', async (name, type, extension) => {
    const { link } = await madeLink();
    const path = pathOf(link.image_url);
    expect(stable(await ask(path))).toEqual(
      problem(404, 'not_found', 'Not found', 'There is nothing at this address.'),
    );
    expect((await ask(path, { method: 'HEAD' })).status).toBe(404);
    await upload(link.url, fixtures[name]());
    const file = await ask(path);
    expect(file.status).toBe(200);
    expect(file.headers.get('Content-Type')).toBe(type);
    expect(file.headers.get('Content-Disposition')).toBe(`inline; filename="${link.upload_id}.${extension}"`);
    expect(file.headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(file.headers.get('Content-Security-Policy')).toContain('sandbox');
    expect(file.headers.get('Content-Length')).toBe(String(fixtures[name]().length));
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('ETag')]).toEqual([200, file.headers.get('ETag')]);
    const part = await ask(path, { headers: { Range: 'bytes=1-3' } });
    expect([part.status, part.headers.get('Content-Range')]).toEqual([
      206,
      `bytes 1-3/${fixtures[name]().length}`,
    ]);
    const known = await ask(path, { headers: { 'If-None-Match': file.headers.get('ETag') ?? '' } });
    expect(known.status).toBe(304);
  });

  it('is kept by caches no longer than the picture is kept by us', async () => {
    const world = await World.create();
    const { body: link } = await makeLink(world.customer, { expires_in: 604_800 });
    await upload(link.url);
    const file = await ask(pathOf(link.image_url));
    const maxAge = Number(/max-age=(\d+)/.exec(file.headers.get('Cache-Control') ?? '')?.[1]);
    expect(maxAge).toBe(config.INPUT_RETENTION_HOURS * 3_600);
  });

  it('is 404 when its object is gone', async () => {
    const { customer, link } = await madeLink();
    await upload(link.url);
    const prefix = `up/${customer.account}/${link.upload_id}/`;
    const { objects } = await bucket.list({ prefix });
    expect(objects).toHaveLength(1);
    await bucket.delete(objects.map(({ key }) => key));
    expect((await ask(pathOf(link.image_url))).status).toBe(404);
  });

  it('is nothing at any other address', async () => {
    const { link } = await madeLink();
    await upload(link.url);
    const path = pathOf(link.image_url);
    const { bindings, touched } = untouchable();
    for (const wrong of [`${path}0`, path.replace(/\/files\/./, '/files/!'), `${path}.png`]) {
      expect((await workerWith(bindings)(wrong)).body.code, wrong).toBe('forbidden_link');
    }
    expect(touched).toEqual([]);
  });
});

describe('the other image of a link’s job', () => {
  const END = '/job/end_image_url';

  it('may be what was uploaded to another link, and both reach the upstream', async () => {
    const { upstream } = installUpstream();
    const { customer, link: end } = await madeLink();
    const prompt = uniquePrompt();
    const fields = { job: { prompt, end_image_url: end.image_url } };
    expect(stable(await makeLink(customer, fields))).toEqual(refused(NOTHING, END));
    await upload(end.url, fixtures.jpg());
    const { status, body: link } = await makeLink(customer, fields);
    expect(status).toBe(201);
    await upload(link.url, fixtures.png());
    await upstream.saw('submit', prompt);
    const input = upstream.requests[0]?.input ?? {};
    const types = await Promise.all(
      ['image_url', 'end_image_url'].map(async (field) =>
        (await workerWith({})(pathOf(String(input[field])))).headers.get('Content-Type'),
      ),
    );
    expect(types).toEqual(['image/png', 'image/jpeg']);
  });

  it('may be the start, where the end is to come', async () => {
    const { upstream } = installUpstream();
    const prompt = uniquePrompt();
    const { link } = await madeLink({
      role: 'end',
      job: { prompt, image_url: 'https://images.example.org/start.png' },
    });
    await upload(link.url, fixtures.webp());
    await upstream.saw('submit', prompt);
    const { image_url, end_image_url } = upstream.requests[0]?.input ?? {};
    expect(image_url).toBe('https://images.example.org/start.png');
    const file = await workerWith({})(pathOf(String(end_image_url)));
    expect(file.headers.get('Content-Type')).toBe('image/webp');
  });

  it('must last as long as the link', async () => {
    const world = await World.create();
    const { customer } = world;
    const { body: other } = await makeLink(customer, { expires_in: 60 });
    await upload(other.url);
    const init = { method: 'POST', headers: headersOf(customer), body: fixtures.png() };
    const plain = (await ask('/api/uploads', init)).body;
    const lasts = config.INPUT_RETENTION_HOURS * 3_600;
    for (const { image_url } of [other, plain]) {
      const fields = (expires_in: number) => ({ expires_in, job: job({ end_image_url: image_url }) });
      expect((await makeLink(customer, fields(lasts - 2))).status).toBe(201);
      const answer = await makeLink(customer, fields(lasts + 2));
      expect(stable(answer).errors).toEqual([
        {
          pointer: END,
          detail:
            'is an upload that ends at <time>, before this link does at <time>: upload it again, or let the link end sooner',
        },
      ]);
      const also = await makeLink(customer, { ...fields(604_800), role: 'start', sha256: 'x' });
      expect(also.body.errors.map(({ pointer }: Json) => pointer)).toEqual(['/sha256', END]);
    }
  });

  it('is of its own account alone', async () => {
    const { link } = await madeLink();
    await upload(link.url);
    const other = await Customer.create();
    const answer = await makeLink(other, { job: job({ end_image_url: link.image_url }) });
    expect(stable(answer)).toEqual(refused(NO_UPLOAD, END));
  });
});
