import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { type Answer, ask, problem, send, stable } from './api-door.ts';
import { BUSY, expire, sql, turnedAway } from './api-faults.ts';
import { dataUri, fixtures } from './api-images.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const MISMATCH = problem(
  422,
  'idempotency_mismatch',
  'The Idempotency-Key was used for another request',
  'This Idempotency-Key belongs to a request with other content. Use a new key for a new request.',
);

/** A customer whose submits differ in nothing but what each says. */
async function repeating(credits = 1_000) {
  const { upstream } = installUpstream();
  const customer = await Customer.create({ credits });
  const prompt = uniquePrompt();
  const body = { prompt, image_url: 'https://images.example.org/a.png', response_mode: 'polling' };
  return {
    upstream,
    customer,
    prompt,
    submit: (key: string, fields: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
      send(
        GENERATE,
        { ...body, ...fields },
        { 'X-API-Key': customer.key, 'Idempotency-Key': key, ...headers },
      ),
    end: async (content: 'ok' | { error: string }) => {
      await upstream.saw('submit', prompt);
      await upstream.callBack(prompt, content, (request) => exports.default.fetch(request));
    },
    jobs: async () => (await sql(customer, 'SELECT count(*) AS count FROM jobs'))[0]?.count,
  };
}

/** A replay of this answer. */
function expectReplay(answer: Answer, first: Answer): void {
  expect(answer.status).toBe(first.status);
  expect(answer.headers.get('Idempotent-Replayed')).toBe('true');
  expect(answer.body).toEqual(first.body);
}

describe('the same key and request', () => {
  it('is the same job, held and sent once', async () => {
    const { submit, customer, upstream, prompt, jobs } = await repeating();
    const first = await submit('once');
    expect(first.status).toBe(202);
    expect(first.headers.get('Idempotent-Replayed')).toBeNull();
    expectReplay(await submit('once'), first);
    expect((await submit('once')).headers.get('Location')).toBe(`/api/fal/status/${first.body.job_id}`);
    await upstream.saw('submit', prompt);
    expect(upstream.count('submit', prompt)).toBe(1);
    expect(await jobs()).toBe(1);
    expect(await customer.credits()).toEqual({ available: 971, held: 29, captured: 0 });
  });

  it('is so at once, from everywhere', async () => {
    const { submit, upstream, prompt, jobs } = await repeating();
    const regions = ['weur', 'wnam', 'apac', 'sam', 'weur', 'oc'];
    const answers = await Promise.all(
      regions.map((region) => submit('race', {}, { 'X-Firstframe-Region': region })),
    );
    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.has('Idempotent-Replayed'))).toHaveLength(5);
    await upstream.saw('submit', prompt);
    expect(upstream.count('submit', prompt)).toBe(1);
    expect(await jobs()).toBe(1);
  });

  it.each([
    ['quoted', '"a key 7"', 'a key 7'],
    ['bare', 'a key 7', '"a key 7"'],
    ['with parameters', '"a key 7";v=1', 'a key 7'],
    ['with an escape', '"say \\"hi\\""', 'say "hi"'],
  ])('may be spelled otherwise (%s)', async (_, one, other) => {
    const { submit } = await repeating();
    const first = await submit(one);
    expectReplay(await submit(other), first);
  });

  it('may leave out what is the default, and put the key elsewhere', async () => {
    const { submit, customer } = await repeating();
    const first = await submit('defaults');
    const spelled = { duration: 6, resolution: '1080p', aspect_ratio: 'auto', fps: 25, generate_audio: true };
    expectReplay(await submit('defaults', { ...spelled, api_key: customer.key }), first);
  });

  it('is answered with the job as it is now', async () => {
    const { submit, end, customer } = await repeating();
    const { job_id } = (await submit('later')).body;
    await end('ok');
    await customer.ended(job_id);
    const again = await submit('later');
    expect([again.status, again.headers.get('Idempotent-Replayed')]).toEqual([200, 'true']);
    expect(again.body).toMatchObject({ job_id, status: 'completed', result: { video: { width: 1920 } } });
  });

  it.each<[string, 'ok' | { error: string }, number]>([
    ['completed', 'ok', 200],
    ['failed', { error: 'image_load_error' }, 500],
  ])('is answered inline as the first time (%s)', async (_, content, status) => {
    const { submit, end } = await repeating();
    const waiting = submit('inline', { response_mode: 'inline' });
    await end(content);
    const first = await waiting;
    const again = await submit('inline', { response_mode: 'inline' });
    expect([first.status, again.status]).toEqual([status, status]);
    expect([first, again].map(({ headers }) => headers.get('Idempotent-Replayed'))).toEqual([null, 'true']);
    expect(stable(again)).toEqual(stable(first));
    expect(again.body.job_id).toBe(first.body.job_id);
  });

  it('says so too when the job was canceled', async () => {
    const { submit, customer, upstream, prompt } = await repeating();
    upstream.plan(prompt, { submit: [BUSY] });
    const headers = { 'Idempotency-Key': 'canceled', Prefer: 'wait=0' };
    expect((await submit('canceled', { response_mode: 'inline' }, headers)).status).toBe(202);
    const cancel = `/api/jobs/${await turnedAway(customer)}/cancel`;
    expect((await customer.get(cancel, { method: 'POST' })).status).toBe(200);
    const again = await submit('canceled', { response_mode: 'inline' }, headers);
    expect([again.status, again.body.code]).toEqual([409, 'job_canceled']);
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
  });

  it('finds its job when no credit is left, image bytes or not', async () => {
    const { submit } = await repeating(58);
    const image = { image_url: dataUri(fixtures.png(), 'image/png') };
    const [plain, bytes] = [await submit('plain'), await submit('bytes', image)];
    expect([plain.status, bytes.status]).toEqual([202, 202]);
    expectReplay(await submit('plain'), plain);
    expectReplay(await submit('bytes', image), bytes);
    expect((await submit('new')).status).toBe(402);
    expect((await submit('new', image)).status).toBe(402);
  });

  it('is 410 when the job has expired', async () => {
    const { submit, end, customer } = await repeating();
    const { job_id } = (await submit('old')).body;
    await end('ok');
    await customer.ended(job_id);
    await expire(customer, job_id);
    expect(stable(await submit('old'))).toEqual(
      problem(
        410,
        'idempotency_key_expired',
        'The Idempotency-Key has expired',
        'What was made under this Idempotency-Key has been deleted. Use a new key for a new request.',
      ),
    );
    expect((await submit('old', { duration: 8 })).status).toBe(422);
  });
});

describe('an image under a key', () => {
  const png = fixtures.png();
  const uri = dataUri(png, 'image/png');

  it('is what its bytes are, however the data URI is spelled', async () => {
    const { submit } = await repeating();
    const first = await submit('bytes', { image_url: uri, end_image_url: uri });
    expect(first.status).toBe(202);
    const shouted = uri.replace('data:image/png;base64', 'DATA:image/PNG;BASE64');
    expectReplay(await submit('bytes', { image_url: ` ${shouted} `, end_image_url: uri }), first);
    const jpeg = dataUri(fixtures.jpg(), 'image/jpeg');
    expect(stable(await submit('bytes', { image_url: jpeg, end_image_url: uri }))).toEqual(MISMATCH);
    expect((await submit('bytes', { image_url: uri })).status).toBe(422);
  });

  it('is the same in an upload', async () => {
    const { submit, customer } = await repeating();
    const upload = await ask('/api/uploads', {
      method: 'POST',
      headers: { 'X-API-Key': customer.key },
      body: png,
    });
    const first = await submit('upload', { image_url: uri });
    expectReplay(await submit('upload', { image_url: upload.body.image_url }), first);
  });

  it('is its address when it has one', async () => {
    const { submit } = await repeating();
    const first = await submit('address', { image_url: 'https://images.example.org/a.png?v=1' });
    expectReplay(await submit('address', { image_url: 'HTTPS://images.example.org:443/a.png?v=1' }), first);
    expect((await submit('address', { image_url: 'https://images.example.org/a.png?v=2' })).status).toBe(422);
  });
});

describe('the same key', () => {
  it.each<[string, Record<string, unknown>]>([
    ['prompt', { prompt: 'another' }],
    ['image_url', { image_url: 'https://images.example.org/b.png' }],
    ['end_image_url', { end_image_url: 'https://images.example.org/b.png' }],
    ['duration', { duration: 8 }],
    ['resolution', { resolution: '1440p' }],
    ['aspect_ratio', { aspect_ratio: '9:16' }],
    ['fps', { fps: 24 }],
    ['generate_audio', { generate_audio: false }],
    ['response_mode', { response_mode: 'inline' }],
    ['webhook_url', { webhook_url: 'https://customer.example.org/hook' }],
  ])('with another %s is 422, and makes no job', async (_, fields) => {
    const { submit, jobs } = await repeating();
    expect((await submit('one')).status).toBe(202);
    const answer = await submit('one', fields);
    expect(answer.headers.get('Idempotent-Replayed')).toBeNull();
    expect(stable(answer)).toEqual(MISMATCH);
    expect(await jobs()).toBe(1);
  });

  it('of another account is another key', async () => {
    const { submit, customer } = await repeating();
    const other = await Customer.create();
    const first = await submit('shared');
    const second = await submit('shared', {}, { 'X-API-Key': other.key });
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body.job_id).not.toBe(first.body.job_id);
    expect(second.headers.get('Idempotent-Replayed')).toBeNull();
    expect((await customer.credits()).held).toBe(29);
  });

  it('is free again after a refusal', async () => {
    const { submit, customer } = await repeating(29);
    expect((await submit('again', { duration: 7 })).status).toBe(400);
    expect((await submit('again', { resolution: '2160p' })).status).toBe(402);
    const wrong = { 'X-API-Key': 'wrong' };
    expect((await submit('again', {}, wrong)).status).toBe(401);
    expect((await submit('again')).status).toBe(202);
    expect((await customer.credits()).held).toBe(29);
  });
});

it.each(['', '""', '"open', 'a\tb', 'schlüssel', 'x'.repeat(256), '"a", "b"'])(
  'a key that is none is refused: %j',
  async (key) => {
    const { submit, jobs, customer } = await repeating();
    const answer = await submit(key);
    // An empty header may not arrive at all, and then there is no key.
    if (key === '' && answer.status === 202) return;
    expect(stable(answer)).toEqual(
      problem(
        400,
        'invalid_idempotency_key',
        'The Idempotency-Key is not valid',
        'Idempotency-Key must be 1 to 255 printable ASCII characters, bare or as a quoted string.',
      ),
    );
    const init = { method: 'POST', headers: { 'X-API-Key': customer.key, 'Idempotency-Key': key } };
    const upload = await ask('/api/uploads', { ...init, body: fixtures.png() });
    expect(upload.body.code).toBe('invalid_idempotency_key');
    expect((await submit('valid')).status).toBe(202);
    expect(await jobs()).toBe(1);
  },
);
