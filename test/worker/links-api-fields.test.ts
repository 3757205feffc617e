import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { readLinkToken } from '../../src/worker/links/token.ts';
import { IMAGE_TYPES } from '../../src/worker/media/contract.ts';
import { Customer, PUBLIC_URL } from '../support/customer.ts';
import { type Answer, ask, jsonInit, problem, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { dataUri } from './api-images.ts';
import { about, headersOf, IMAGE, job, LINKS, madeLink, makeLink } from './links-api-fixtures.ts';
import { config, fixtures } from './media-fixtures.ts';

const customer = await Customer.create({ credits: 1_000 });
const headers = headersOf(customer);

/** What is wrong with a body, as `pointer: detail`. Nothing but the body decides: a shard is asked of the key alone. */
async function wrong(body: unknown): Promise<string[]> {
  const { bindings, touched } = untouchable();
  const answer = await workerWith(bindings)(LINKS, jsonInit(body, headers));
  expect(touched.filter((what) => what !== 'SHARDS.get')).toEqual([]);
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  return pointersOf(answer);
}

function pointersOf(answer: Answer): string[] {
  return answer.body.errors
    .map((error: Record<string, string>) => `${error.pointer}: ${error.detail}`)
    .sort();
}

const SECONDS = 'must be a whole number of seconds from 1 to 604,800';
const BYTES = 'must be a whole number of bytes from 1 on';
const TYPE = `must be one of ${IMAGE_TYPES.join(', ')}`;
const HEX = 'must be 64 hexadecimal digits';
const UNKNOWN = 'is not a field of this request; check its spelling';
const FILLED = 'is the picture that will be uploaded; leave it out';
const DURATIONS = 'must be one of 6, 8, 10, 12, 14, 16, 18, 20';
const NO_DATA_URI =
  'must not be a data URI, since a link may wait for days: send the image to POST /api/uploads and name the image_url of its answer, or name a public URL';
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

describe('a field that is wrong', () => {
  it.each<[string, unknown, string, string?]>([
    ['expires_in', 0, SECONDS],
    ['expires_in', -1, SECONDS],
    ['expires_in', 1.5, SECONDS],
    ['expires_in', 604_801, SECONDS],
    ['expires_in', 1e300, SECONDS],
    ['expires_in', '60', SECONDS],
    ['expires_in', null, SECONDS],
    ['max_bytes', 0, BYTES],
    ['max_bytes', 1.5, BYTES],
    ['max_bytes', '1000', BYTES],
    ['max_bytes', null, BYTES],
    ['max_bytes', 1e300, BYTES],
    ['max_bytes', 20_971_521, 'may be at most 20971520'],
    ['types', [], 'must name at least one image type'],
    ['types', 'image/png', 'must be a list of image types'],
    ['types', '', 'must be a list of image types'],
    ['types', null, 'must be a list of image types'],
    ['types', {}, 'must be a list of image types'],
    ['types', ['image/png', 'image/gif'], TYPE, '/types/1'],
    ['types', ['image/jpg'], TYPE, '/types/0'],
    ['types', [7], TYPE, '/types/0'],
    ['types', Array.from({ length: 100_000 }, () => 'x'), 'may name at most 5 image types'],
    ['sha256', 'abc', HEX],
    ['sha256', 'g'.repeat(64), HEX],
    ['sha256', 'a'.repeat(65), HEX],
    ['sha256', null, HEX],
    ['role', 'middle', 'must be one of start, end'],
    ['role', 'START', 'must be one of start, end'],
    ['role', null, 'must be one of start, end'],
    ['redirect_url', 7, 'must be a URL'],
    ['redirect_url', null, 'must be a URL'],
    ['redirect_url', '', 'must be an https URL'],
    ['redirect_url', '/thanks', 'must be an https URL'],
    ['redirect_url', 'javascript:alert(1)', 'must be an https URL'],
    ['redirect_url', 'http://customer.example.org/', 'must be an https URL'],
    ['redirect_url', 'https://10.1.2.3/thanks', 'must not point to a private or reserved address'],
    ['redirect_url', 'https://router.local/', 'must not point to an internal host name'],
    ['redirect_url', 'https://a:b@customer.example.org/', 'must not contain a user name or password'],
    ['redirect_url', 'https://a.example.org/\r\nX: y', 'must not contain control characters or backslashes'],
    [
      'redirect_url',
      `https://a.example.org/${'ü'.repeat(400)}`,
      'may have at most 2048 characters once encoded',
    ],
    ['webhook_url', 7, 'must be a URL'],
    ['webhook_url', '', 'must be an https URL'],
    ['webhook_url', 'http://customer.example.org/hook', 'must be an https URL'],
    ['webhook_url', 'https://10.1.2.3/hook', 'must not point to a private or reserved address'],
    ['webhook_url', 'https://customer.example.org:22/', 'must use port 443 or 8443'],
    ['webhook_url', 'https://firstframe.test/api/account', 'must not point to this service'],
    [
      'webhook_url',
      `https://a.example.org/${'ü'.repeat(1_000)}`,
      'may have at most 4096 characters once encoded',
    ],
    ['metadata', null, 'must be a JSON object of texts'],
    ['metadata', [], 'must be a JSON object of texts'],
    ['metadata', 'text', 'must be a JSON object of texts'],
    ['metadata', { order: 7 }, 'must be a text', '/metadata/order'],
    ['metadata', { 'a/b': null }, 'must be a text', '/metadata/a~1b'],
    ['metadata', { order: 'x'.repeat(501) }, 'may have at most 500 characters', '/metadata/order'],
    ['metadata', { order: '🎬'.repeat(501) }, 'may have at most 500 characters', '/metadata/order'],
    ['metadata', { '': 'x' }, 'must have a name of 1 to 40 characters', '/metadata/'],
    [
      'metadata',
      { ['n'.repeat(41)]: 'x' },
      'must have a name of 1 to 40 characters',
      `/metadata/${'n'.repeat(41)}`,
    ],
    ['metadata', many(21), 'may have at most 20 members'],
    [
      'metadata',
      Object.fromEntries(Object.keys(many(10)).map((key) => [key, 'x'.repeat(500)])),
      'may have at most 4096 bytes as JSON',
    ],
    [
      'metadata',
      Object.fromEntries(Object.keys(many(5)).map((key) => [key, 'ü'.repeat(450)])),
      'may have at most 4096 bytes as JSON',
    ],
    ['job', null, 'must be a JSON object'],
    ['job', [], 'must be a JSON object'],
    ['job', 'ltx', 'must be a JSON object'],
  ])('%s (%#)', async (field, value, detail, pointer = `/${field}`) => {
    expect(await wrong({ [field]: value })).toEqual([`${pointer}: ${detail}`]);
  });

  it('is a name of metadata that is more than a name', async () => {
    expect(await wrong('{"metadata":{"__proto__":"x"}}')).toEqual([
      '/metadata/__proto__: is not a name that can be used',
    ]);
  });

  it.each([
    'expiresIn',
    'Types',
    '__proto__',
    'constructor',
    'prompt',
    'image_url',
    'response_mode',
    'a/b~c',
  ])('is unknown: %j', async (name) => {
    const pointer = name.replaceAll('~', '~0').replaceAll('/', '~1');
    expect(await wrong(`{${JSON.stringify(name)}:1}`)).toEqual([`/${pointer}: ${UNKNOWN}`]);
  });

  it.each(['null', '[]', '[{}]', '"job"', '7', 'true'])('is the body itself: %s', async (body) => {
    expect(await wrong(body)).toEqual([': must be a JSON object']);
  });
});

describe('a field of the job that is wrong', () => {
  it.each<[string, Record<string, unknown>, readonly string[]]>([
    ['no prompt', {}, ['/job/prompt: must be a text of 1 to 5,000 characters']],
    ['an empty prompt', { prompt: ' ' }, ['/job/prompt: must not be empty']],
    ['a wrong duration', { prompt: 'p', duration: 7 }, [`/job/duration: ${DURATIONS}`]],
    ['a wrong audio', { prompt: 'p', generate_audio: 1 }, ['/job/generate_audio: must be true or false']],
    [
      'a rule between fields',
      { prompt: 'p', duration: 12, fps: 50 },
      ['/job/duration: over 10 seconds only at 25 fps and 1080p'],
    ],
    ['another model', { model: 'sora', prompt: 7 }, ['/job/model: must be one of ltx-2.3-image-to-video']],
    [
      'a model that is none',
      { model: 7, duration: 7 },
      ['/job/model: must be one of ltx-2.3-image-to-video'],
    ],
    ['the image that is uploaded', { prompt: 'p', image_url: IMAGE }, [`/job/image_url: ${FILLED}`]],
    ['a key', { prompt: 'p', api_key: 'x' }, [`/job/api_key: ${UNKNOWN}`]],
    ['a mode', { prompt: 'p', response_mode: 'polling' }, [`/job/response_mode: ${UNKNOWN}`]],
    ['a webhook', { prompt: 'p', webhook_url: 'https://a.example.org' }, [`/job/webhook_url: ${UNKNOWN}`]],
    ['a misspelt field', { prompt: 'p', promt: 'x' }, [`/job/promt: ${UNKNOWN}`]],
    ['an image that is no text', { prompt: 'p', end_image_url: 7 }, [END_TEXT()]],
    [
      'an image somewhere private',
      { prompt: 'p', end_image_url: 'http://10.0.0.1/a.png' },
      ['/job/end_image_url: must not point to a private or reserved address'],
    ],
    [
      'a data URI',
      { prompt: 'p', end_image_url: ` ${dataUri(fixtures.png(), 'image/png')}` },
      [`/job/end_image_url: ${NO_DATA_URI}`],
    ],
    [
      'a link of an upload that is none',
      { prompt: 'p', end_image_url: `${PUBLIC_URL}/files/x/y` },
      ['/job/end_image_url: is not a valid link of an upload of this account, or has expired'],
    ],
  ])('%s', async (_, fields, errors) => {
    expect(await wrong({ job: fields })).toEqual([...errors].sort());
  });

  function END_TEXT(): string {
    return '/job/end_image_url: must be a URL or a data URI';
  }

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    ['no start image', { prompt: 'p' }, ['/job/image_url: must be a URL or a data URI']],
    [
      'the end image, and a private start image',
      { prompt: 'p', image_url: 'http://10.0.0.1/', end_image_url: IMAGE },
      [`/job/end_image_url: ${FILLED}`, '/job/image_url: must not point to a private or reserved address'],
    ],
    [
      'a data URI as the start image',
      { prompt: 'p', image_url: dataUri(fixtures.png(), 'image/png') },
      [`/job/image_url: ${NO_DATA_URI}`],
    ],
  ])('for the end image: %s', async (_, fields, errors) => {
    expect(await wrong({ role: 'end', job: fields })).toEqual([...errors].sort());
  });
});

describe('several wrong fields', () => {
  it('are told at once, of whatever kind', async () => {
    const body = {
      expires_in: 0,
      max_bytes: 30_000_000,
      types: ['image/bmp'],
      sha256: 'x',
      redirect_url: 'http://a.example.org',
      webhook_url: 'https://firstframe.test/',
      metadata: { a: 1, b: 2 },
      job: { duration: 12, fps: 50, end_image_url: 'http://10.0.0.1/', loop: true },
      seed: 1,
      api_key: customer.key,
    };
    expect(await wrong(body)).toEqual([
      `/expires_in: ${SECONDS}`,
      '/job/duration: over 10 seconds only at 25 fps and 1080p',
      '/job/end_image_url: must not point to a private or reserved address',
      `/job/loop: ${UNKNOWN}`,
      '/job/prompt: must be a text of 1 to 5,000 characters',
      '/max_bytes: may be at most 20971520',
      '/metadata/a: must be a text',
      '/metadata/b: must be a text',
      '/redirect_url: must be an https URL',
      `/seed: ${UNKNOWN}`,
      `/sha256: ${HEX}`,
      `/types/0: ${TYPE}`,
      '/webhook_url: must not point to this service',
    ]);
  });

  it('are told of both images where the role is wrong', async () => {
    const fields = { prompt: 'p', image_url: 'http://10.0.0.1/', end_image_url: 'ftp://a.example.org/' };
    expect(await wrong({ role: 'both', job: fields })).toEqual([
      '/job/end_image_url: must be an http or https URL',
      '/job/image_url: must not point to a private or reserved address',
      '/role: must be one of start, end',
    ]);
  });

  it('are told in a body of this form', async () => {
    const answer = await makeLink(customer, { expires_in: 0 });
    expect(stable(answer)).toEqual(
      problem(400, 'invalid_request', 'The request is not valid', `/expires_in: ${SECONDS}`, {
        errors: [{ pointer: '/expires_in', detail: SECONDS }],
      }),
    );
  });
});

describe('a link', () => {
  it('is answered with where the picture goes, and what may be sent', async () => {
    const before = Date.now();
    const answer = await makeLink(customer);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.headers.get('Location')).toBe(`${LINKS}/${answer.body.upload_id}`);
    expect(answer.headers.get('Idempotent-Replayed')).toBeNull();
    expect(stable(answer)).toEqual({
      upload_id: '<upload>',
      status: 'pending',
      url: expect.stringMatching(/^https:\/\/firstframe\.test\/u\/test\.[\w-]+$/),
      image_url: 'https://firstframe.test/files/<token>/<upload>',
      created_at: '<time>',
      expires_at: '<time>',
      max_bytes: 20_971_520,
      types: [...IMAGE_TYPES],
      role: 'start',
    });
    const { url, expires_at, upload_id } = answer.body;
    expect(url.length).toBeLessThanOrEqual(256);
    expect(expires_at).toMatch(/:\d\d\.000Z$/);
    const lasts = Date.parse(expires_at) - before;
    expect(lasts).toBeGreaterThanOrEqual(1_800_000);
    expect(lasts - (Date.now() - before)).toBeLessThanOrEqual(1_801_000);
    expect(await readLinkToken(config, url.slice(`${PUBLIC_URL}/u/`.length))).toEqual({
      account: customer.account,
      uploadId: upload_id,
      expiresAt: Date.parse(expires_at),
      maxBytes: 20_971_520,
      types: [...IMAGE_TYPES],
    });
  });

  it('does what it was asked for, and says so', async () => {
    const sha256 = (await sha256Hex(fixtures.png())).toUpperCase();
    const fields = {
      expires_in: 604_800,
      max_bytes: 20_971_520,
      types: ['image/webp', 'image/png', 'image/webp'],
      sha256,
      role: 'end',
      redirect_url: 'https://customer.example.org:8080/thanks?a=ü',
      webhook_url: 'https://customer.example.org:8443/hook',
      metadata: { order: '4711', 'a name': '', emoji: '👩‍🚀', constructor: 'yes' },
      job: job({ model: 'ltx-2.3-image-to-video', image_url: IMAGE, duration: 10, resolution: '2160p' }),
    };
    const { body } = await makeLink(customer, fields);
    expect(body).toMatchObject({
      status: 'pending',
      max_bytes: 20_971_520,
      types: ['image/png', 'image/webp'],
      sha256: sha256.toLowerCase(),
      role: 'end',
      redirect_url: 'https://customer.example.org:8080/thanks?a=%C3%BC',
      webhook_url: fields.webhook_url,
      metadata: fields.metadata,
      model: 'ltx-2.3-image-to-video',
      cost_usd: 1.92,
      credits: 192,
    });
    expect((await about(customer, body.upload_id)).body).toMatchObject({
      upload_id: body.upload_id,
      metadata: fields.metadata,
      credits: 192,
      expires_at: body.expires_at,
    });
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a second', { expires_in: 1 }, {}],
    ['one byte', { max_bytes: 1 }, { max_bytes: 1 }],
    ['one type', { types: ['image/heif'] }, { types: ['image/heif'] }],
    ['the defaults of a job', { job: { prompt: 'p' } }, { cost_usd: 0.288, credits: 29 }],
    ['an end image elsewhere', { job: { prompt: 'p', end_image_url: IMAGE } }, { credits: 29 }],
    ['no metadata to speak of', { metadata: {} }, { metadata: {} }],
    ['metadata up to the limits', { metadata: { ['🎬'.repeat(40)]: '🎬'.repeat(500) } }, {}],
    ['twenty members', { metadata: many(20) }, { metadata: many(20) }],
    [
      'a redirect to this machine, in local mode',
      { redirect_url: 'http://127.0.0.1:9000/x' },
      { redirect_url: 'http://127.0.0.1:9000/x' },
    ],
  ])('may have %s', async (_, fields, expected) => {
    const answer = await makeLink(customer, fields);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject(expected);
  });

  it('may redirect to no http address where people live', async () => {
    const door = workerWith({ LOCAL_MODE: 'false' });
    for (const redirect_url of ['http://127.0.0.1:9000/x', 'http://localhost/']) {
      const answer = await door(LINKS, jsonInit({ redirect_url }, headers));
      expect(pointersOf(answer)).toEqual(['/redirect_url: must be an https URL']);
    }
  });

  it('takes its limits and prices from the configuration', async () => {
    const PRICES = { 'ltx-2.3-image-to-video': { '1080p': 50_000 } };
    const door = workerWith({ UPLOAD_LINK_MAX_BYTES: 1_000, MAX_UPLOAD_BYTES: 2_000, PRICES });
    const made = async (fields: object) => (await door(LINKS, jsonInit(fields, headers))).body;
    expect((await made({})).max_bytes).toBe(1_000);
    expect((await made({ max_bytes: 2_000 })).max_bytes).toBe(2_000);
    expect((await made({ max_bytes: 2_001 })).errors).toEqual([
      { pointer: '/max_bytes', detail: 'may be at most 2000' },
    ]);
    expect(await made({ job: { prompt: 'p' } })).toMatchObject({ cost_usd: 0.3, credits: 30 });
    const low = workerWith({ MAX_UPLOAD_BYTES: 500 });
    expect((await low(LINKS, jsonInit({}, headers))).body.max_bytes).toBe(500);
  });

  it('costs what it did when it was made', async () => {
    const { body } = await makeLink(customer, { job: job() });
    const PRICES = { 'ltx-2.3-image-to-video': { '1080p': 96_000 } };
    const later = await workerWith({ PRICES })(`${LINKS}/${body.upload_id}`, { headers });
    expect(later.body).toMatchObject({ cost_usd: 0.288, credits: 29 });
  });

  it('holds no credits, and asks for none', async () => {
    const { customer: poor, link } = await madeLink({ job: job({ resolution: '2160p' }) }, 0);
    expect(link.credits).toBe(116);
    expect(await poor.credits()).toEqual({ available: 0, held: 0, captured: 0 });
  });
});

describe('the door', () => {
  it('takes the key wherever it may stand', async () => {
    const withKey = (init: RequestInit, query = '') => ask(`${LINKS}${query}`, init);
    const bearer = { Authorization: `Bearer ${customer.key}` };
    const answers = await Promise.all([
      withKey(jsonInit({ api_key: customer.key })),
      withKey(jsonInit({}, bearer)),
      withKey(jsonInit({}), `?api_key=${customer.key}`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const other = await Customer.create();
    const two = await withKey(jsonInit({ api_key: other.key }, bearer));
    expect(two.body.code).toBe('conflicting_credentials');
  });

  it.each(['GET', 'POST'])('is shut without a key: %s', async (method) => {
    const init = method === 'GET' ? {} : jsonInit({ expires_in: 0 });
    expect((await ask(LINKS, init)).body.code).toBe('unauthorized');
  });

  it('wants JSON', async () => {
    const text = await ask(LINKS, { method: 'POST', headers, body: 'expires_in=5' });
    expect(text.body.code).toBe('unsupported_media_type');
    expect((await ask(LINKS, jsonInit('{', headers))).body.code).toBe('malformed_body');
  });

  it('tells who has a revoked key that, and nothing of the request', async () => {
    const revoked = await Customer.create();
    expect((await makeLink(revoked)).status).toBe(201);
    await revoke(revoked);
    for (const fields of [{}, { expires_in: 0 }, { job: { prompt: 5 } }]) {
      expect((await makeLink(revoked, fields)).body.code).toBe('unauthorized');
    }
  });

  it('is 503 while the shard, the directory or the upstream is away', async () => {
    const body = jsonInit({ job: job() }, headers);
    const noShard = await workerWith({ SHARDS: failing('SHARDS', 'createLink') })(LINKS, body);
    expect(noShard.body).toMatchObject({ status: 503, code: 'jobs_unavailable' });
    expect(noShard.headers.get('Retry-After')).toMatch(/^\d+$/);
    const noUpstream = workerWith({ FAL_KEY: undefined });
    expect((await noUpstream(LINKS, body)).body).toMatchObject({ status: 503, code: 'upstream_unavailable' });
    expect((await noUpstream(LINKS, jsonInit({}, headers))).status).toBe(201);
  });

  it('answers other methods with what it takes', async () => {
    const put = await ask(LINKS, { method: 'PUT', headers });
    expect([put.status, put.headers.get('Allow')]).toEqual([405, 'GET, HEAD, POST']);
  });
});

async function revoke({ account, keyId }: Customer): Promise<void> {
  const init = { method: 'DELETE', headers: { Authorization: 'Bearer test-admin-token-0123456789' } };
  const answer = await ask(`/admin/accounts/${account}/keys/${keyId}`, init);
  expect([200, 202]).toContain(answer.status);
}
