import { describe, expect, it } from 'vitest';
import { Customer } from '../support/customer.ts';
import { type Answer, jsonInit, problem, send, stable, untouchable, workerWith } from './api-door.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const WEUR = { 'X-Firstframe-Region': 'weur' };
const IMAGE = 'https://images.example.org/start.png';
const HOWEVER_LONG = '👩‍🚀'.repeat(2_000);

const customer = await Customer.create({ credits: 100_000 });
const headers = { ...WEUR, 'X-API-Key': customer.key };

/** What is wrong with a body, as `pointer: detail`. Nothing but the body decides: a shard is asked of the key alone. */
async function wrong(body: unknown): Promise<string[]> {
  const { bindings, touched } = untouchable();
  const answer = await workerWith(bindings)(GENERATE, jsonInit(body, headers));
  expect(touched.filter((what) => what !== 'SHARDS.get')).toEqual([]);
  expect(answer.status).toBe(400);
  expect(answer.body.code).toBe('invalid_request');
  return pointersOf(answer);
}

function pointersOf(answer: Answer): string[] {
  return answer.body.errors
    .map((error: Record<string, string>) => `${error.pointer}: ${error.detail}`)
    .sort();
}

const valid = (fields: Record<string, unknown> = {}) => ({ prompt: 'p', image_url: IMAGE, ...fields });
const DURATIONS = 'must be one of 6, 8, 10, 12, 14, 16, 18, 20';
const LONG = '/duration: over 10 seconds only at 25 fps and 1080p';

describe('a field that is wrong', () => {
  it.each<[string, unknown, string]>([
    ['prompt', undefined, 'must be a text of 1 to 5,000 characters'],
    ['prompt', null, 'must be a text of 1 to 5,000 characters'],
    ['prompt', 5, 'must be a text of 1 to 5,000 characters'],
    ['prompt', ['p'], 'must be a text of 1 to 5,000 characters'],
    ['prompt', '', 'must not be empty'],
    ['prompt', ' \n\t\u00a0 ', 'must not be empty'],
    ['prompt', 'x'.repeat(5_001), 'may have at most 5,000 characters'],
    ['prompt', '🎬'.repeat(5_001), 'may have at most 5,000 characters'],
    ['prompt', HOWEVER_LONG.repeat(10), 'may have at most 5,000 characters'],
    ['image_url', undefined, 'must be a URL or a data URI'],
    ['image_url', null, 'must be a URL or a data URI'],
    ['image_url', {}, 'must be a URL or a data URI'],
    ['image_url', '', 'must not be empty'],
    ['image_url', 'start.png', 'must be an http or https URL'],
    ['image_url', 'ftp://images.example.org/a.png', 'must be an http or https URL'],
    ['image_url', 'file:///etc/passwd', 'must be an http or https URL'],
    ['image_url', 'http://10.0.0.1/a.png', 'must not point to a private or reserved address'],
    ['image_url', 'http://169.254.169.254/latest', 'must not point to a private or reserved address'],
    ['image_url', 'http://router.local/a.png', 'must not point to an internal host name'],
    ['image_url', 'https://user:secret@images.example.org/a.png', 'must not contain a user name or password'],
    [
      'image_url',
      `https://images.example.org/${'a'.repeat(4_096)}`,
      'a URL may have at most 4096 characters',
    ],
    ['image_url', 'data:text/plain;base64,aGVsbG8=', 'must be of the form data:image/…;base64,…'],
    ['image_url', 'data:image/png,hello', 'must be of the form data:image/…;base64,…'],
    ['image_url', 'data:image/png;base64,a b', 'must be valid base64 without white space'],
    ['image_url', 'data:image/png;base64,aGVsbG8', 'must be valid base64'],
    ['image_url', 'data:image/png;base64,', 'is empty'],
    ['image_url', 'data:image/png;base64,aGVsbG8=', 'must be a PNG, JPEG, WebP, AVIF or HEIF image'],
    ['end_image_url', null, 'must be a URL or a data URI'],
    ['end_image_url', 1, 'must be a URL or a data URI'],
    ['end_image_url', ' ', 'must not be empty'],
    ['end_image_url', 'http://192.168.1.1/end.png', 'must not point to a private or reserved address'],
    ['duration', '6', DURATIONS],
    ['duration', null, DURATIONS],
    ['duration', 0, DURATIONS],
    ['duration', -6, DURATIONS],
    ['duration', 5, DURATIONS],
    ['duration', 7, DURATIONS],
    ['duration', 6.5, DURATIONS],
    ['duration', 22, DURATIONS],
    ['duration', 1e300, DURATIONS],
    ['resolution', '720p', 'must be one of 1080p, 1440p, 2160p'],
    ['resolution', '1080P', 'must be one of 1080p, 1440p, 2160p'],
    ['resolution', 1080, 'must be one of 1080p, 1440p, 2160p'],
    ['resolution', null, 'must be one of 1080p, 1440p, 2160p'],
    ['aspect_ratio', '1:1', 'must be one of auto, 16:9, 9:16'],
    ['aspect_ratio', 1.78, 'must be one of auto, 16:9, 9:16'],
    ['fps', 30, 'must be one of 24, 25, 48, 50'],
    ['fps', '25', 'must be one of 24, 25, 48, 50'],
    ['generate_audio', 'true', 'must be true or false'],
    ['generate_audio', 1, 'must be true or false'],
    ['generate_audio', null, 'must be true or false'],
    ['response_mode', 'async', 'must be inline or polling'],
    ['response_mode', null, 'must be inline or polling'],
    ['webhook_url', 7, 'must be a URL'],
    ['webhook_url', null, 'must be a URL'],
    ['webhook_url', '', 'must be an https URL'],
    ['webhook_url', 'http://customer.example.org/hook', 'must be an https URL'],
    ['webhook_url', 'https://10.1.2.3/hook', 'must not point to a private or reserved address'],
    ['webhook_url', 'https://customer.example.org:22/', 'must use port 443 or 8443'],
    ['webhook_url', 'https://firstframe.test/api/account', 'must not point to this service'],
  ])('%s = %j', async (field, value, detail) => {
    expect(await wrong(valid({ [field]: value }))).toEqual([`/${field}: ${detail}`]);
  });

  it.each(['promt', 'Prompt', 'num_frames', 'webhookUrl', '__proto__', 'constructor', 'a/b~c', ''])(
    'unknown: %j',
    async (name) => {
      const body = JSON.stringify(valid()).replace('}', `,${JSON.stringify(name)}:1}`);
      const pointer = name.replaceAll('~', '~0').replaceAll('/', '~1');
      expect(await wrong(body)).toEqual([`/${pointer}: is not a field of this request; check its spelling`]);
    },
  );

  it.each(['null', '[]', '[{}]', '"prompt"', '7', 'true'])('the body itself: %s', async (body) => {
    const { bindings } = untouchable();
    const answer = await workerWith(bindings)(GENERATE, jsonInit(body, headers));
    expect(stable(answer)).toEqual(
      problem(400, 'invalid_request', 'The request is not valid', 'must be a JSON object', {
        errors: [{ pointer: '', detail: 'must be a JSON object' }],
      }),
    );
  });
});

describe('several wrong fields', () => {
  it('are all told at once, of whatever kind, in one body', async () => {
    const body = {
      prompt: 5,
      image_url: 'http://10.0.0.1/a.png',
      end_image_url: 'data:image/png;base64,aGVsbG8=',
      duration: 12,
      fps: 50,
      resolution: '720p',
      aspect_ratio: '4:3',
      generate_audio: 'yes',
      response_mode: 'later',
      webhook_url: 'http://customer.example.org/hook',
      seed: 4,
      loop: true,
    };
    expect(await wrong(body)).toEqual([
      '/aspect_ratio: must be one of auto, 16:9, 9:16',
      '/end_image_url: must be a PNG, JPEG, WebP, AVIF or HEIF image',
      '/generate_audio: must be true or false',
      '/image_url: must not point to a private or reserved address',
      '/loop: is not a field of this request; check its spelling',
      '/prompt: must be a text of 1 to 5,000 characters',
      '/resolution: must be one of 1080p, 1440p, 2160p',
      '/response_mode: must be inline or polling',
      '/seed: is not a field of this request; check its spelling',
      '/webhook_url: must be an https URL',
    ]);
  });

  it('are told when only addresses are wrong, which no schema can judge', async () => {
    const addresses = {
      image_url: 'http://10.0.0.1/',
      end_image_url: 'x',
      webhook_url: 'http://a.example',
    };
    expect((await wrong(valid(addresses))).map((line) => line.split(':')[0])).toEqual([
      '/end_image_url',
      '/image_url',
      '/webhook_url',
    ]);
  });

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    ['at 50 fps', { duration: 12, fps: 50 }, [LONG]],
    ['at 24 fps', { duration: 20, fps: 24 }, [LONG]],
    ['at 1440p', { duration: 12, resolution: '1440p' }, [LONG]],
    ['at 2160p and 48 fps', { duration: 18, resolution: '2160p', fps: 48 }, [LONG]],
    [
      'with a wrong prompt, and the defaults of the other fields',
      { duration: 12, fps: 50, prompt: 5 },
      [LONG, '/prompt: must be a text of 1 to 5,000 characters'],
    ],
    [
      'with an unknown field',
      { duration: 12, resolution: '1440p', promt: 'x' },
      [LONG, '/promt: is not a field of this request; check its spelling'],
    ],
    [
      'but not where the rate itself is wrong',
      { duration: 12, fps: 30 },
      ['/fps: must be one of 24, 25, 48, 50'],
    ],
    ['but not where the length itself is wrong', { duration: 13, fps: 50 }, [`/duration: ${DURATIONS}`]],
  ])('over 10 seconds %s', async (_, fields, errors) => {
    expect(await wrong(valid(fields))).toEqual([...errors].sort());
  });

  it('are told in a body of this form', async () => {
    const answer = await send(GENERATE, { image_url: IMAGE, duration: 7 }, headers);
    const [prompt, duration] = ['must be a text of 1 to 5,000 characters', DURATIONS];
    expect(stable(answer)).toEqual(
      problem(
        400,
        'invalid_request',
        'The request is not valid',
        `/prompt: ${prompt}; /duration: ${duration}`,
        {
          errors: [
            { pointer: '/prompt', detail: prompt },
            { pointer: '/duration', detail: duration },
          ],
        },
      ),
    );
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
  });

  it('make no answer larger than what was sent', async () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `field${index}`);
    const many = Object.fromEntries([...names, 'x'.repeat(1_000_000)].map((name) => [name, 1]));
    const { bindings } = untouchable();
    const answer = await workerWith(bindings)(GENERATE, jsonInit(valid(many), headers));
    expect(answer.body.errors).toHaveLength(21);
    expect(answer.body.errors.at(-1)).toEqual({
      pointer: '',
      detail: '4981 more fields are not of this request',
    });
    expect(answer.text.length).toBeLessThan(10_000);
    const long = await workerWith(bindings)(
      GENERATE,
      jsonInit(valid({ ['y'.repeat(1_000_000)]: 1 }), headers),
    );
    expect(long.text.length).toBeLessThan(1_000);
  });
});
