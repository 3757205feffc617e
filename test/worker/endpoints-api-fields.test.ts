import { beforeEach, describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { Customer } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { ask, problem, stable, workerWith } from './api-door.ts';
import { ENDPOINTS, HOOK, keyOf, madeEndpoint, request, send, wrongs } from './webhooks-api-fixtures.ts';

const customer = await Customer.create();

let network: InstalledUpstream;
beforeEach(() => {
  network = installUpstream();
});

/** What is wrong with a body that would make an endpoint. */
async function wrong(body: unknown): Promise<string[]> {
  const answer = await send(customer, 'POST', ENDPOINTS, body);
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  return wrongs(answer);
}

const UNKNOWN = 'is not a field of this request; check its spelling';
const RATE = 'must be a whole number of tries a second from 1 to 1000, or null';
const EVENT = `must be one of ${EVENT_TYPES.join(', ')}`;
const TEXTS = 'must be a JSON object of texts';

describe('a field that is wrong', () => {
  it.each<[string, unknown, string, string?]>([
    ['url', undefined, 'must be a URL'],
    ['url', null, 'must be a URL'],
    ['url', 7, 'must be a URL'],
    ['url', '', 'must be an https URL'],
    ['url', 'https://firstframe.test/api/account', 'must not point to this service'],
    ['url', `https://a.example.org/${'ü'.repeat(1_000)}`, 'may have at most 4096 characters once encoded'],
    ['events', [], 'must name at least one event type'],
    ['events', 'job.completed', 'must be a list of event types'],
    ['events', {}, 'must be a list of event types'],
    ['events', ['job.completed', 'job.done'], EVENT, '/events/1'],
    ['events', [null], EVENT, '/events/0'],
    ['events', Array.from({ length: 100_000 }, () => 'x'), 'may name at most 8 event types'],
    ['description', null, 'must be a text of up to 200 characters'],
    ['description', 'x'.repeat(201), 'may have at most 200 characters'],
    ['headers', null, TEXTS],
    ['headers', ['a'], TEXTS],
    ['headers', { 'X-A': 1 }, 'must be a text', '/headers/X-A'],
    ['headers', { Host: 'example.org' }, 'is a header that cannot be set', '/headers/Host'],
    ['headers', { 'webhook-id': 'evt_1' }, 'is a header that cannot be set', '/headers/webhook-id'],
    [
      'headers',
      { 'X-A': 'a\r\nX-B: b' },
      'must be visible ASCII characters, with spaces inside only',
      '/headers/X-A',
    ],
    ['rate_limit', 0, RATE],
    ['rate_limit', 1_001, RATE],
    ['rate_limit', 1.5, RATE],
    ['rate_limit', '5', RATE],
    ['enabled', null, 'must be true or false'],
    ['enabled', 'yes', 'must be true or false'],
    ['secret', 'whsec_mine', UNKNOWN],
    ['event', ['job.completed'], UNKNOWN],
    ['a/b~c', 1, UNKNOWN, '/a~1b~0c'],
  ])('%s (%#)', async (field, value, detail, pointer = `/${field}`) => {
    expect(await wrong({ url: HOOK, [field]: value })).toEqual([`${pointer}: ${detail}`]);
    if (field === 'url' && value === undefined) return;
    const patch = await send(customer, 'PATCH', `${ENDPOINTS}/${(await shared()).id}`, { [field]: value });
    expect([patch.status, wrongs(patch)]).toEqual([400, [`${pointer}: ${detail}`]]);
  });

  it('is told with all others, and with what is wrong with the address', async () => {
    network.dns.set('rebind.example.org', { a: ['10.1.2.3'] });
    const body = {
      url: 'https://rebind.example.org/',
      events: ['job.done'],
      description: 7,
      headers: { Cookie: 'a', 'X-A': 1 },
      rate_limit: 0,
      enabled: 1,
      promt: 1,
    };
    expect((await wrong(body)).map((line) => line.split(':')[0])).toEqual([
      '/description',
      '/enabled',
      '/events/0',
      '/headers/Cookie',
      '/headers/X-A',
      '/promt',
      '/rate_limit',
      '/url',
    ]);
    expect(await wrong({ ...body, url: 'https://10.1.2.3/' })).toContain(
      '/url: must not point to a private or reserved address',
    );
  });

  it.each(['null', '[]', '"url"', '7'])('is the body itself: %s', async (body) => {
    expect(await wrong(body)).toEqual([': must be a JSON object']);
  });

  it('is a body that is no JSON, or too much of it', async () => {
    const malformed = await send(customer, 'POST', ENDPOINTS, '{');
    expect([malformed.status, malformed.body.code]).toEqual([400, 'malformed_body']);
    const text = {
      method: 'POST',
      headers: { ...keyOf(customer), 'Content-Type': 'text/plain' },
      body: '{}',
    };
    expect((await ask(ENDPOINTS, text)).body.code).toBe('unsupported_media_type');
    const small = workerWith({ MAX_BODY_BYTES: 10 });
    expect((await small(ENDPOINTS, request(customer, 'POST', { url: HOOK }))).body.code).toBe(
      'body_too_large',
    );
  });

  let made: Promise<{ readonly id: string }> | undefined;
  /** An endpoint that is never changed. */
  function shared(): Promise<{ readonly id: string }> {
    made ??= madeEndpoint(customer, { url: 'https://192.0.66.2/hook' });
    return made;
  }
});

describe('an address that we may not send to', () => {
  it.each([
    ['http://customer.example.org/', 'must be an https URL'],
    ['//customer.example.org/', 'must be an https URL'],
    ['javascript:alert(1)', 'must be an https URL'],
    ['https://127.0.0.1./', 'must not point to a private or reserved address'],
    ['https://0x7f.1/', 'must not point to a private or reserved address'],
    ['https://2130706433/', 'must not point to a private or reserved address'],
    ['https://[::ffff:169.254.169.254]/', 'must not point to a private or reserved address'],
    ['https://[64:ff9b::8.8.8.8]/', 'must not point to a private or reserved address'],
    ['https://localhost.:8443/', 'must not point to a private or reserved address'],
    ['https://metadata.google.internal/', 'must not point to an internal host name'],
    ['https://intranet/', 'must have a full host name with a domain'],
    ['https://customer.example.org:22/', 'must use port 443 or 8443'],
    ['https://customer.example.org@10.0.0.1/', 'must not contain a user name or password'],
    ['https://customer.example.org\\@10.0.0.1/', 'must not contain control characters or backslashes'],
  ])('as it is written: %s', async (url, detail) => {
    // Deployed: local mode lets loopback and the names of tests pass.
    const door = workerWith({ LOCAL_MODE: 'false' });
    const answer = await door(ENDPOINTS, request(customer, 'POST', { url }));
    expect([answer.status, wrongs(answer)]).toEqual([400, [`/url: ${detail}`]]);
    expect(network.dns.questions).toEqual([]);
  });

  it.each<[string, Parameters<InstalledUpstream['dns']['set']>[1], string]>([
    ['a private one', { a: ['10.0.0.1'] }, 'must not point to a name of a private or reserved address'],
    [
      'a private one among public ones',
      { a: ['8.8.8.8', '169.254.169.254'] },
      'must not point to a name of a private or reserved address',
    ],
    [
      'a private one of the other type',
      { a: ['8.8.8.8'], aaaa: ['fd00::1'] },
      'must not point to a name of a private or reserved address',
    ],
    ['none', {}, 'must have a host name with an IP address'],
    ['no name', { status: 3 }, 'must have a host name that exists'],
    ['no servers', { status: 2 }, 'must have a host name whose DNS servers answer'],
  ])('as it resolves: %s', async (title, records, detail) => {
    const name = `${title.replaceAll(' ', '-')}.example.org`;
    network.dns.set(name, records);
    expect(await wrong({ url: `https://${name}/` })).toEqual([`/url: ${detail}`]);
    const { id } = await madeEndpoint(customer, { url: 'https://192.0.66.2/hook' });
    const change = await send(customer, 'PATCH', `${ENDPOINTS}/${id}`, { url: `https://${name}/` });
    expect([change.status, wrongs(change)]).toEqual([400, [`/url: ${detail}`]]);
    expect((await send(customer, 'GET', `${ENDPOINTS}/${id}`)).body.url).toBe('https://192.0.66.2/hook');
    expect((await send(customer, 'DELETE', `${ENDPOINTS}/${id}`)).status).toBe(204);
  });

  it('is not taken unchecked: 503 while the resolver cannot be asked, unless the request is wrong anyway', async () => {
    network.dns.setDefault(() => new Response('away', { status: 502 }));
    const fresh = await Customer.create();
    const answer = await send(fresh, 'POST', ENDPOINTS, { url: HOOK });
    expect(answer.headers.get('Retry-After')).toBe('5');
    expect(stable(answer)).toEqual(
      problem(
        503,
        'resolver_unavailable',
        'Temporarily unavailable',
        'The host name of this address cannot be looked up right now, and no address is taken unchecked. Nothing was changed; try again shortly.',
      ),
    );
    const both = await send(fresh, 'POST', ENDPOINTS, { url: HOOK, enabled: 1 });
    expect([both.status, wrongs(both)]).toEqual([400, ['/enabled: must be true or false']]);
    expect((await send(fresh, 'GET', ENDPOINTS)).body).toEqual({ data: [] });
    // An address that is a number needs no resolver.
    expect((await send(fresh, 'POST', ENDPOINTS, { url: 'https://192.0.66.2/hook' })).status).toBe(201);
  });
});
