import { describe, expect, it } from 'vitest';
import { readBody, readLimited, readText } from '../../src/worker/media/body.ts';
import { source, streamOf } from './media-fixtures.ts';

const KIB = 1_024;

function request(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request('https://firstframe.test/', { method: 'POST', body, headers });
}

describe('readLimited', () => {
  it.each([
    [0, 1],
    [1, 1],
    [999, 7],
    [100 * KIB, 64 * KIB],
    [1_000_000, 4_096],
  ])('%i bytes in chunks of %i, at a limit of exactly that', async (total, chunk) => {
    const bytes = Uint8Array.from({ length: total }, (_, i) => i % 251);
    const read = await readLimited(streamOf(bytes, chunk), total);
    expect(read).toEqual(bytes);
    if (typeof read !== 'string') expect(read.buffer.byteLength).toBe(total);
  });

  it('no body is no bytes', async () => {
    expect(await readLimited(null, 10)).toEqual(new Uint8Array(0));
  });

  it('one byte more is too much', async () => {
    const { stream } = source(100, 1_001);
    expect(await readLimited(stream, 1_000)).toBe('too_large');
  });

  it('a body without end is left at the chunk that passes the limit', async () => {
    const body = source(16 * KIB);
    expect(await readLimited(body.stream, 1_000 * KIB)).toBe('too_large');
    expect(body.given()).toBeLessThanOrEqual(1_000 * KIB + 64 * KIB);
    expect(body.canceled()).toBe(true);
  });

  it('a sender that cannot be stopped does not change the answer', async () => {
    const stubborn = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => Promise.reject(new Error('no')),
    });
    expect(await readLimited(stubborn, 5)).toBe('too_large');
  });

  it('a broken stream is told from a complete one', async () => {
    expect(await readLimited(source(10, 100, 50).stream, 1_000)).toBe('ended_early');
  });
});

describe('readBody', () => {
  it('refuses a declared length without reading', async () => {
    const body = source(10, 100);
    const answer = new Response(body.stream, { headers: { 'Content-Length': '5000' } });
    expect(await readBody(answer, 1_000)).toBe('too_large');
    expect(body.given()).toBe(0);
    expect(body.canceled()).toBe(true);
  });

  it.each(['5', '0', '-1', 'many', '99999999999999999999'])(
    'does not trust a length of %s',
    async (length) => {
      const { stream } = source(10, 2_000);
      expect(await readBody(new Response(stream, { headers: { 'Content-Length': length } }), 1_000)).toBe(
        'too_large',
      );
    },
  );
});

describe('readText', () => {
  it('reads UTF-8 across chunks', async () => {
    const text = '{"prompt":"gänse über 日本 🎬"}';
    const body = streamOf(new TextEncoder().encode(text), 1);
    expect(await readText(new Response(body), 1_000)).toEqual({ ok: true, text });
  });

  it('drops a byte order mark', async () => {
    expect(await readText(request(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])), 10)).toEqual({
      ok: true,
      text: '{}',
    });
  });

  it('tells why there is no text', async () => {
    expect(await readText(request(new Uint8Array([0x7b, 0xff])), 10)).toEqual({
      ok: false,
      reason: 'not_utf8',
    });
    expect(await readText(request('12345678901'), 10)).toEqual({ ok: false, reason: 'too_large' });
    const broken = new Response(source(10, 100, 50).stream);
    expect(await readText(broken, 1_000)).toEqual({ ok: false, reason: 'ended_early' });
    expect(await readText(request(null), 10)).toEqual({ ok: true, text: '' });
  });
});
