import { describe, expect, it } from 'vitest';
import { openForm } from '../../src/worker/links/bytes/form.ts';
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

/** A form with one part, whose header is this. */
function formWith(disposition: string, type?: string): ReadableStream<Uint8Array> {
  const header = `Content-Disposition: ${disposition}${type === undefined ? '' : `\r\nContent-Type: ${type}`}`;
  const text = `--${BOUNDARY}\r\n${header}\r\n\r\npicture\r\n--${BOUNDARY}--\r\n`;
  return cutAt(new TextEncoder().encode(text), []);
}

describe("a part's header", () => {
  it.each([
    ['quoted', 'form-data; name="file"; filename="a.png"'],
    ['bare', 'form-data; name=file; filename=a.png'],
    ['as .NET writes it', "form-data; name=file; filename=a.png; filename*=utf-8''a.png"],
    ['with an extended name alone', "form-data; name=file; filename*=UTF-8''%E5%A4%9C.png"],
    ['in another order', 'form-data; filename=a.png; name=file'],
    ['with little space', 'form-data;name=file;filename="a.png"'],
    ['with much space', 'form-data ;\tname=file ;  filename="a.png"'],
    ['with an escaped quote', 'form-data; filename="a\\"; name=x; b.png"; name="file"'],
    ['with a backslash at the end', 'form-data; name="file"; filename="C:\\"'],
    ['in capitals', 'form-data; NAME=file; FileName=a.png'],
    ['with a name that looks like more', 'form-data; filename="a; name=x; filename=b"; name=file'],
  ])('%s has a file', async (_name, disposition) => {
    for (const type of ['image/png', undefined]) {
      const form = await openForm(formWith(disposition, type), FORM_TYPE, { silenceMs: 60_000 });
      expect(await new Response(form.body).text()).toBe('picture');
      expect([form.declaredType, form.failure()]).toEqual([type ?? 'application/octet-stream', null]);
      form.close();
    }
  });

  it.each([
    ['without a file name', 'form-data; name=file'],
    ['of another field', 'form-data; name=photo; filename=a.png'],
    ['whose value looks like a file name', 'form-data; name="file; filename=a.png"'],
    ['without a field', 'form-data; filename=a.png'],
  ])('%s has none', async (_name, disposition) => {
    const opening = openForm(formWith(disposition, 'image/png'), FORM_TYPE, { silenceMs: 60_000 });
    expect(await failureOf(opening)).toMatchObject({ tag: 'malformed_body' });
  });
});

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
