import { describe, expect, it } from 'vitest';
import { openForm } from '../../src/worker/links/form.ts';
import { soakOr } from '../support/soak.ts';
import { BOUNDARY, FORM_TYPE, formOf, joined } from './links-bytes-fixtures.ts';
import { failureOf } from './media-fixtures.ts';

/** Bytes that look like the beginnings of a delimiter, as a file may hold them. */
const FILE = joined([
  new Uint8Array(200).map((_, i) => (i * 7) & 255),
  new TextEncoder().encode(`\r\n--\r\n-\r\n\r\n--${BOUNDARY.slice(0, -1)}\r\n--${BOUNDARY.toLowerCase()}--`),
  new Uint8Array(90).fill(0x2d),
  new Uint8Array([13, 10, 13]),
]);
const FORM = formOf([
  { name: 'note', value: 'hello' },
  { name: 'file', filename: '夜明け.png', type: 'image/png', value: FILE },
  { name: 'last', value: '--' },
]);

/** The form in pieces that end at these offsets. */
function cutAt(form: Uint8Array, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const ends = [...cuts, form.length];
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const end = ends.shift();
        if (end === undefined) return controller.close();
        controller.enqueue(form.slice(at, end));
        at = end;
      },
    },
    { highWaterMark: 0 },
  );
}

async function fileIn(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const form = await openForm(stream, FORM_TYPE, { silenceMs: 60_000 });
  try {
    const bytes = new Uint8Array(await new Response(form.body).arrayBuffer());
    expect([form.declaredType, form.failure()]).toEqual(['image/png', null]);
    return bytes;
  } finally {
    form.close();
  }
}

describe('a form that arrives in pieces', () => {
  it('has the same file wherever it is cut', async () => {
    for (let at = 1; at < FORM.length; at++) expect(await fileIn(cutAt(FORM, [at])), `${at}`).toEqual(FILE);
  });

  it('has the same file however often it is cut', async () => {
    for (let n = 0; n < soakOr(5_000, 500); n++) {
      const most = [2, 9, 40, 150][n % 4] as number;
      const cuts: number[] = [];
      const step = () => 1 + Math.floor(Math.random() * most);
      for (let at = step(); at < FORM.length; at += step()) cuts.push(at);
      expect(await fileIn(cutAt(FORM, cuts)), cuts.join()).toEqual(FILE);
    }
  });

  it('is broken when it ends early, wherever that is', async () => {
    const closing = FORM.length - 4;
    for (let at = 0; at <= closing; at += 7) {
      const failure = failureOf(
        openForm(cutAt(FORM.slice(0, at), []), FORM_TYPE, { silenceMs: 60_000 }).then(async (form) => {
          await new Response(form.body).arrayBuffer().catch(() => undefined);
          const fault = form.failure();
          form.close();
          if (fault) throw fault;
        }),
      );
      expect(await failure, `${at}`).toMatchObject({ tag: 'malformed_body' });
    }
  });
});
