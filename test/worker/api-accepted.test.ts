import { describe, expect, it } from 'vitest';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { ask, jsonInit, send } from './api-door.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const IMAGE = 'https://images.example.org/start.png';
const customer = await Customer.create({ credits: 100_000 });
const headers = { 'X-API-Key': customer.key, 'X-Firstframe-Region': 'weur' };
const valid = (fields: Record<string, unknown> = {}) => ({ prompt: 'p', image_url: IMAGE, ...fields });

/** What reaches the upstream of a job with these fields. */
async function upstreamInput(fields: Record<string, unknown>) {
  const { upstream } = installUpstream();
  const prompt = uniquePrompt();
  const body = { prompt, image_url: IMAGE, response_mode: 'polling', ...fields };
  const answer = await send(GENERATE, body, headers);
  expect(answer.status, answer.text).toBe(202);
  const sent = String(fields.prompt ?? prompt).trim();
  await upstream.saw('submit', sent);
  return upstream.requests.at(-1)?.input;
}

describe('a valid request', () => {
  const DEFAULTS = {
    image_url: IMAGE,
    duration: 6,
    resolution: '1080p',
    aspect_ratio: 'auto',
    fps: 25,
    generate_audio: true,
  };

  it('has the defaults of the table', async () => {
    expect(await upstreamInput({})).toEqual({ ...DEFAULTS, prompt: expect.any(String) });
  });

  it('reaches the upstream as it was sent', async () => {
    const fields = {
      end_image_url: 'http://images.example.org:8080/end.webp?x=1#y',
      duration: 10,
      resolution: '2160p',
      aspect_ratio: '9:16',
      fps: 48,
      generate_audio: false,
    };
    expect(await upstreamInput(fields)).toEqual({ ...DEFAULTS, ...fields, prompt: expect.any(String) });
  });

  it.each([
    ['one character', 'a'],
    ['white space around it', '  \n a pan \t '],
    ['5,000 characters', 'b'.repeat(5_000)],
    ['5,000 characters beyond the basic plane', '🎬'.repeat(5_000)],
    ['5,000 characters and white space around them', ` ${'c'.repeat(5_000)} `],
  ])('may have a prompt of %s', async (_, prompt) => {
    expect(await upstreamInput({ prompt })).toMatchObject({ prompt: prompt.trim() });
  });

  it('may have white space around its URLs', async () => {
    expect(await upstreamInput({ image_url: ` ${IMAGE}\n` })).toMatchObject({ image_url: IMAGE });
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json ;charset=UTF-8',
    'APPLICATION/JSON',
    'application/json;',
    'application/vnd.api2+json',
  ])('may call its JSON %s', async (type) => {
    installUpstream();
    const init = jsonInit(valid({ response_mode: 'polling' }), { ...headers, 'Content-Type': type });
    expect((await ask(GENERATE, init)).status).toBe(202);
  });

  it('may start with a byte order mark', async () => {
    installUpstream();
    const body = `\ufeff${JSON.stringify(valid({ response_mode: 'polling' }))}`;
    expect((await send(GENERATE, body, headers)).status).toBe(202);
  });
});
