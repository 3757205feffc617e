import { describe, expect, it } from 'vitest';
import { Config, ConfigError, configOf, type Env } from '../../src/worker/env.ts';

const SECRET = '0123456789abcdef0123456789abcdef';
const LEAST = { PUBLIC_URL: 'https://video.example.com', SIGNING_SECRETS: `k1:${SECRET}` };
const config = (variables: Record<string, unknown> = {}) =>
  configOf({ ...LEAST, ...variables } as unknown as Env);

/** What is wrong with these variables. */
function refusal(variables: Record<string, unknown>): string {
  try {
    config(variables);
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.message;
    throw cause;
  }
  return 'nothing';
}

const COUNTS = [
  'INLINE_WAIT_S',
  'MAX_BODY_BYTES',
  'MAX_UPLOAD_BYTES',
  'UPLOAD_LINK_MAX_BYTES',
  'JOB_DEADLINE_S',
  'SUBMIT_DEADLINE_S',
  'RESULT_RETENTION_DAYS',
  'INPUT_RETENTION_HOURS',
  'FILE_LINK_TTL_S',
  'SWEEP_SHARDS',
] as const;

describe('a deployment', () => {
  it('needs an address and secrets; the rest has a default', () => {
    expect(config()).toEqual({
      PUBLIC_URL: 'https://video.example.com',
      SIGNING_SECRETS: { entries: [{ id: 'k1', secret: SECRET }] },
      FAL_QUEUE_URL: 'https://queue.fal.run',
      FAL_JWKS_URL: 'https://rest.fal.ai/.well-known/jwks.json',
      FAL_DEDUPES: false,
      DOH_URL: 'https://cloudflare-dns.com/dns-query',
      LOCAL_MODE: false,
      INLINE_WAIT_S: 240,
      MAX_BODY_BYTES: 16 * 1_024 * 1_024,
      MAX_UPLOAD_BYTES: 20 * 1_024 * 1_024,
      UPLOAD_LINK_MAX_BYTES: 20 * 1_024 * 1_024,
      JOB_DEADLINE_S: 3_600,
      SUBMIT_DEADLINE_S: 900,
      RESULT_RETENTION_DAYS: 30,
      INPUT_RETENTION_HOURS: 48,
      FILE_LINK_TTL_S: 86_400,
      SWEEP_SHARDS: 200,
      PRICES: {},
    });
  });

  it('is read once', () => {
    const env = { ...LEAST } as unknown as Env;
    expect(configOf(env)).toBe(configOf(env));
  });

  it.each(COUNTS)('sets %s by number or text', (name) => {
    expect(config({ [name]: 7 })[name]).toBe(7);
    expect(config({ [name]: '1200' })[name]).toBe(1_200);
    for (const wrong of ['', 'abc', 0, '0', -1, '1.5', 1.5, 'Infinity']) {
      expect(refusal({ [name]: wrong }), String(wrong)).toBe(`${name}: must be a positive whole number`);
    }
  });

  it.each(['LOCAL_MODE', 'FAL_DEDUPES'] as const)('sets %s by truth or text', (name) => {
    expect([true, 'true', false, 'false'].map((value) => config({ [name]: value })[name])).toEqual([
      true,
      true,
      false,
      false,
    ]);
    for (const wrong of ['', 'yes', 'TRUE', 1])
      expect(refusal({ [name]: wrong })).toBe(`${name}: must be true or false`);
  });

  it.each([
    ['https://video.example.com/', 'https://video.example.com'],
    ['http://127.0.0.1:8787', 'http://127.0.0.1:8787'],
  ])('has an address without a trailing slash: %s', (given, expected) => {
    expect(config({ PUBLIC_URL: given }).PUBLIC_URL).toBe(expected);
    expect(config({ FAL_QUEUE_URL: given }).FAL_QUEUE_URL).toBe(expected);
  });

  it('may reach its upstream below a path, and is itself reached at the root', () => {
    const url = 'https://example.com/video//';
    expect(config({ FAL_QUEUE_URL: url }).FAL_QUEUE_URL).toBe('https://example.com/video');
    expect(refusal({ PUBLIC_URL: url })).toMatch(
      /^PUBLIC_URL: must be an http or https origin .+ without path/,
    );
  });

  it('has a key for fal that can stand in a header, or none', () => {
    expect(config({ FAL_KEY: ' id:secret\n' }).FAL_KEY).toBe('id:secret');
    expect(config().FAL_KEY).toBeUndefined();
    for (const wrong of ['', ' ', 'id: secret', 'id:secret\nx', 'id:schlüssel']) {
      expect(refusal({ FAL_KEY: wrong })).toBe('FAL_KEY: must be printable ASCII characters without spaces');
    }
  });

  it.each([
    undefined,
    '',
    'video.example.com',
    'ftp://example.com',
    'https://user:secret@example.com',
    'https://example.com/?q',
    'https://example.com/#h',
  ])('has no such address: %s', (wrong) => {
    expect(refusal({ PUBLIC_URL: wrong })).toBe(
      'PUBLIC_URL: must be an http or https origin such as https://video.example.com, without path, user name, query and fragment',
    );
  });

  it('sets prices as a table, or as JSON text', () => {
    const prices = { 'ltx-2.3-image-to-video': { '1080p': 50_000 } };
    expect(config({ PRICES: prices }).PRICES).toEqual(prices);
    expect(config({ PRICES: JSON.stringify(prices) }).PRICES).toEqual(prices);
    expect(config({ PRICES: '{}' }).PRICES).toEqual({});
  });

  it.each([
    ['{', 'PRICES: must be JSON'],
    ['', 'PRICES: must be JSON'],
    ['[]', 'PRICES: must be a table of models'],
    [7, 'PRICES: must be a table of models'],
    [{ 'ltx-2.3': { '1080p': 1 } }, 'PRICES.ltx-2.3: is not a model'],
    [
      { 'ltx-2.3-image-to-video': { '1080': 1, toString: 1 } },
      'PRICES.ltx-2.3-image-to-video.1080: is not a resolution of this model; PRICES.ltx-2.3-image-to-video.toString: is not a resolution of this model',
    ],
    [
      '{"ltx-2.3-image-to-video":{"1080p":"1"}}',
      'PRICES.ltx-2.3-image-to-video.1080p: must be micro-dollars per second',
    ],
    ...[0, -1, 0.5].map((price): [object, string] => [
      { 'ltx-2.3-image-to-video': { '1080p': price } },
      'PRICES.ltx-2.3-image-to-video.1080p: must be a positive whole number',
    ]),
  ])('has no such prices: %j', (wrong, message) => {
    expect(refusal({ PRICES: wrong })).toBe(message);
  });

  it('has a token for operators that can stand in a header, or none', () => {
    expect(config({ ADMIN_TOKEN: 'sixteen-and-more' }).ADMIN_TOKEN).toBe('sixteen-and-more');
    expect(config().ADMIN_TOKEN).toBeUndefined();
    for (const wrong of ['', 'fifteen-letters', 'sixteen and more spaces', 'sixteen-or-more-ü']) {
      expect(refusal({ ADMIN_TOKEN: wrong })).toMatch(/^ADMIN_TOKEN: must be 16 or more printable/);
    }
  });
});

describe('what is wrong with a deployment', () => {
  it('is told all at once, by name and never by value', () => {
    const message = refusal({
      PUBLIC_URL: 'hunter2',
      SIGNING_SECRETS: 'k1:hunter2,hunter2',
      ADMIN_TOKEN: 'hunter2',
      FAL_KEY: '',
      FAL_QUEUE_URL: 'hunter2',
      FAL_JWKS_URL: 'hunter2',
      LOCAL_MODE: 'hunter2',
      INLINE_WAIT_S: 'hunter2',
      PRICES: '{"hunter2',
    });
    expect(message).not.toContain('hunter2');
    expect(message.split('; ').map((line) => line.split(':')[0])).toEqual([
      'PUBLIC_URL',
      'SIGNING_SECRETS',
      'ADMIN_TOKEN',
      'FAL_KEY',
      'FAL_QUEUE_URL',
      'FAL_JWKS_URL',
      'LOCAL_MODE',
      'INLINE_WAIT_S',
      'PRICES',
    ]);
  });

  it('is an error of its own, also for nothing at all', () => {
    expect(() => configOf({} as unknown as Env)).toThrow(ConfigError);
    expect(Config.safeParse(undefined).success).toBe(false);
  });
});
