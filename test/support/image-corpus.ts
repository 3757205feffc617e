/** Files that people, phones and smugglers send as pictures, each with the one right verdict. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { makeHeic } from './heic.ts';
import { picture, pictureRgb } from './pictures.ts';

/** A file, and what it is: `image/png 48x32`, or why it is refused. */
export interface CorpusFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly verdict: string;
}

const SIZES = [
  [64, 48],
  [333, 111],
  [640, 360],
  [1080, 1920],
] as const;
const ROOMS = ['png', 'jpg', 'webp', 'avif', 'heic'] as const;
type Room = (typeof ROOMS)[number];
const TYPE = {
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  avif: 'image/avif',
  heic: 'image/heif',
} as const satisfies Record<Room, string>;

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'fixtures', name));
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((n) => n & 255));
const u32le = (value: number): Buffer => Buffer.from(u32(value)).reverse();

/** All files. Made anew on each call, with sharp and FFmpeg. */
export async function imageCorpus(): Promise<CorpusFile[]> {
  return [
    ...(await plain()),
    ...(await varieties()),
    ...(await turned()),
    ...cut(),
    ...trailers(),
    ...polyglots(),
    ...misnamed(),
    ...(await others()),
    ...(await animated()),
    ...(await bombs()),
  ];
}

async function encoded(room: Exclude<Room, 'heic'>, width: number, height: number): Promise<Buffer> {
  const source = picture(width, height, width);
  switch (room) {
    case 'png':
      return source.png().toBuffer();
    case 'jpg':
      return source.jpeg().toBuffer();
    case 'webp':
      return source.webp().toBuffer();
    case 'avif':
      return source.avif({ effort: 0 }).toBuffer();
  }
}

async function plain(): Promise<CorpusFile[]> {
  const files: CorpusFile[] = [];
  for (const [width, height] of SIZES) {
    for (const room of ['png', 'jpg', 'webp', 'avif'] as const) {
      files.push({
        name: `${width}x${height}.${room}`,
        bytes: await encoded(room, width, height),
        verdict: `${TYPE[room]} ${width}x${height}`,
      });
    }
  }
  for (const [width, height] of [
    [64, 48],
    [640, 360],
  ] as const) {
    const bytes = makeHeic({ width, height, rgb: pictureRgb(width, height) });
    files.push({ name: `${width}x${height}.heic`, bytes, verdict: `image/heif ${width}x${height}` });
  }
  return files;
}

async function varieties(): Promise<CorpusFile[]> {
  const of = (width: number, height: number) => picture(width, height, 3);
  const transparent = () =>
    sharp({
      create: { width: 90, height: 60, channels: 4, background: { r: 9, g: 99, b: 199, alpha: 0.4 } },
    });
  const made: [string, string, Promise<Buffer>][] = [
    ['1x1.png', 'image/png 1x1', of(1, 1).png().toBuffer()],
    ['palette.png', 'image/png 90x60', of(90, 60).png({ palette: true }).toBuffer()],
    ['interlaced.png', 'image/png 90x60', of(90, 60).png({ progressive: true }).toBuffer()],
    ['16-bit.png', 'image/png 90x60', of(90, 60).toColourspace('rgb16').png().toBuffer()],
    ['alpha.png', 'image/png 90x60', transparent().png().toBuffer()],
    ['1x1.jpg', 'image/jpeg 1x1', of(1, 1).jpeg().toBuffer()],
    ['progressive.jpg', 'image/jpeg 900x600', of(900, 600).jpeg({ progressive: true }).toBuffer()],
    ['grey.jpg', 'image/jpeg 90x60', of(90, 60).greyscale().jpeg().toBuffer()],
    ['cmyk.jpg', 'image/jpeg 90x60', of(90, 60).toColourspace('cmyk').jpeg().toBuffer()],
    ['444.jpg', 'image/jpeg 90x60', of(90, 60).jpeg({ chromaSubsampling: '4:4:4', quality: 100 }).toBuffer()],
    ['restarts.jpg', 'image/jpeg 900x600', of(900, 600).jpeg({ mozjpeg: true }).toBuffer()],
    ['lossless.webp', 'image/webp 90x60', of(90, 60).webp({ lossless: true }).toBuffer()],
    ['alpha.webp', 'image/webp 90x60', transparent().webp().toBuffer()],
    ['exif.webp', 'image/webp 90x60', of(90, 60).withMetadata({ orientation: 1 }).webp().toBuffer()],
    ['alpha.avif', 'image/avif 90x60', transparent().avif({ effort: 0 }).toBuffer()],
    ['lossless.avif', 'image/avif 90x60', of(90, 60).avif({ lossless: true, effort: 0 }).toBuffer()],
  ];
  return Promise.all(made.map(async ([name, verdict, bytes]) => ({ name, verdict, bytes: await bytes })));
}

async function turned(): Promise<CorpusFile[]> {
  const jpegs = [1, 2, 3, 4, 5, 6, 7, 8].map(async (orientation) => ({
    name: `orientation ${orientation}.jpg`,
    bytes: await picture(120, 80).withMetadata({ orientation }).jpeg().toBuffer(),
    verdict: `image/jpeg ${orientation >= 5 ? '80x120' : '120x80'}`,
  }));
  const heics = [1, 2, 3].map((turns) => ({
    name: `${turns} turns.heic`,
    bytes: makeHeic({ width: 128, height: 96, rgb: pictureRgb(128, 96), turns }),
    verdict: `image/heif ${turns % 2 ? '96x128' : '128x96'}`,
  }));
  return [...(await Promise.all(jpegs)), ...heics];
}

/** Small pictures whose bytes the rest is made of. */
const small = Object.fromEntries(ROOMS.map((room) => [room, fixture(`tiny.${room}`)])) as Record<
  Room,
  Buffer
>;
const SMALL_SIZE = { png: '48x32', jpg: '48x32', webp: '48x32', avif: '48x32', heic: '48x64' } as const;
const okSmall = (room: Room): string => `${TYPE[room]} ${SMALL_SIZE[room]}`;

function cut(): CorpusFile[] {
  return ROOMS.flatMap((room) => {
    const whole = small[room];
    const lengths = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
      .map((part) => Math.floor(whole.length * part))
      .concat(whole.length - 8, whole.length - 1);
    return lengths.map((length) => ({
      name: `${length} of ${whole.length} bytes.${room}`,
      bytes: whole.subarray(0, length),
      verdict: 'truncated',
    }));
  });
}

/** An archive of nothing, as ZIP tools make it. */
const ZIP = Buffer.concat([ascii('PK\x05\x06'), Buffer.alloc(18)]);
const PDF = ascii('%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n');
const HTML = ascii('<!DOCTYPE html><body onload="alert(1)">');
const SCRIPT = ascii('<SCRIPT>alert(document.domain)</SCRIPT>');

/** Samsung's blocks: each with its name, then the directory. */
function samsungs(content: Buffer): Buffer {
  const name = ascii('MotionPhoto_Data');
  const block = Buffer.concat([Buffer.from([0, 0, 0x30, 0x0a]), u32le(name.length), name, content]);
  const directory = Buffer.concat([
    ascii('SEFH'),
    u32le(106),
    u32le(1),
    Buffer.from([0, 0, 0x30, 0x0a]),
    u32le(block.length),
    u32le(block.length),
  ]);
  return Buffer.concat([block, directory, u32le(directory.length), ascii('SEFT')]);
}

/** What real cameras and phones put behind a JPEG. */
function trailers(): CorpusFile[] {
  const mp4 = fixture('tiny.mp4');
  const kept: [string, Buffer][] = [
    ['zeros', Buffer.alloc(5_000)],
    ['a line break', ascii('\r\n')],
    ['a preview', small.jpg],
    ['padding and two previews', Buffer.concat([Buffer.alloc(700), small.jpg, Buffer.alloc(3), small.jpg])],
    ['a motion photo', mp4],
    ['a gain map and a motion photo', Buffer.concat([small.jpg, mp4])],
    ["Samsung's trailer", samsungs(mp4)],
    ["a video and Samsung's trailer", Buffer.concat([mp4, samsungs(ascii('1'))])],
    ["Huawei's live photo", Buffer.concat([mp4, ascii('v3_f31_c            0:1477   LIVE_18666  ')])],
    ["OnePlus's trailer", Buffer.concat([ascii('[{"length":4,"name":"a","offset":4}]\0jxrs'), u32le(45)])],
    [
      "vivo's trailer",
      Buffer.concat([ascii('vivo{"a":1}\0'), Buffer.from('ffffffff1b2a394857667584' + '93a2b1', 'hex')]),
    ],
  ];
  return kept.map(([name, trailer]) => ({
    name: `behind it ${name}.jpg`,
    bytes: Buffer.concat([small.jpg, trailer]),
    verdict: okSmall('jpg'),
  }));
}

/** The image with something inside that its decoders skip. */
function withMetadata(room: 'png' | 'jpg' | 'webp' | 'avif', content: Buffer): Buffer {
  const whole = small[room];
  switch (room) {
    case 'png':
      return Buffer.concat([
        whole.subarray(0, 33),
        u32(content.length + 2),
        ascii('tEXta\0'),
        content,
        Buffer.alloc(4),
        whole.subarray(33),
      ]);
    case 'jpg':
      return Buffer.concat([
        whole.subarray(0, 2),
        Buffer.from([0xff, 0xfe, (content.length + 2) >> 8, (content.length + 2) & 255]),
        content,
        whole.subarray(2),
      ]);
    case 'webp': {
      const even = Buffer.concat([content, Buffer.alloc(content.length % 2)]);
      const chunk = Buffer.concat([ascii('XMP '), u32le(even.length), even]);
      const bytes = Buffer.concat([whole, chunk]);
      bytes.writeUInt32LE(bytes.length - 8, 4);
      return bytes;
    }
    case 'avif':
      // Behind the rest, so that no offset changes.
      return Buffer.concat([whole, u32(content.length + 8), ascii('free'), content]);
  }
}

function polyglots(): CorpusFile[] {
  const behind = ROOMS.flatMap((room) =>
    (
      [
        ['a ZIP', ZIP],
        ['HTML', HTML],
        ['a PNG', small.png],
        ['a word', ascii('hello world')],
      ] as const
    ).map(([name, other]) => ({
      name: `behind it ${name}.${room}`,
      bytes: Buffer.concat([small[room], other]),
      verdict: 'polyglot',
    })),
  );
  const inside = (['png', 'jpg', 'webp', 'avif'] as const).flatMap((room) => [
    { name: `inside it a ZIP.${room}`, bytes: withMetadata(room, ZIP), verdict: 'polyglot' },
    { name: `inside it a script.${room}`, bytes: withMetadata(room, SCRIPT), verdict: 'polyglot' },
    {
      name: `inside it words.${room}`,
      bytes: withMetadata(room, ascii('Dawn over < the sea!')),
      verdict: okSmall(room),
    },
  ]);
  const pdfs = (['png', 'jpg'] as const).map((room) => ({
    name: `inside it a PDF.${room}`,
    bytes: withMetadata(room, PDF),
    verdict: 'polyglot',
  }));
  const hidden: [string, Buffer][] = [
    ['a ZIP with a comment', Buffer.concat([ZIP.subarray(0, 20), Buffer.from([4, 0]), ascii('\xff\xd9..')])],
    ['a ZIP behind a video', Buffer.concat([fixture('tiny.mp4'), ZIP])],
    ["a ZIP in Samsung's trailer", samsungs(ZIP)],
    ["a script in Samsung's trailer", samsungs(SCRIPT)],
    ["half of Samsung's trailer", samsungs(fixture('tiny.mp4')).subarray(200)],
    ['half a preview', small.jpg.subarray(0, 300)],
    ['a RAR', ascii('Rar!\x1a\x07\x01\0')],
    ['a program', ascii('\x7fELF\x02\x01\x01\0')],
    ['PHP', ascii('<?php system($_GET[0]);')],
  ];
  const script = Buffer.concat([
    ascii('\xff\xd8\xff\xe0/*JFIF'),
    Buffer.alloc(0x2f2a - 8 - 20, 0x41),
    ascii('*/=alert(1);/*      '),
    small.jpg.subarray(2),
  ]);
  return [
    ...behind.filter(({ name }) => name !== 'behind it a PNG.jpg'),
    ...inside,
    ...pdfs,
    ...hidden.map(([name, other]) => ({
      name: `behind it ${name}.jpg`,
      bytes: Buffer.concat([small.jpg, other]),
      verdict: 'polyglot',
    })),
    { name: 'behind it a PNG.jpg', bytes: Buffer.concat([small.jpg, small.png]), verdict: 'polyglot' },
    { name: 'also a script.jpg', bytes: script, verdict: 'polyglot' },
  ];
}

/** The name says another thing than the bytes: the bytes count. */
function misnamed(): CorpusFile[] {
  return ROOMS.map((room, index) => ({
    name: `really ${room}.${ROOMS[(index + 1) % ROOMS.length]}`,
    bytes: small[room],
    verdict: okSmall(room),
  }));
}

async function others(): Promise<CorpusFile[]> {
  const svg = ascii(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
  );
  const bmp = Buffer.concat([
    ascii('BM'),
    u32le(58),
    Buffer.alloc(4),
    u32le(54),
    u32le(40),
    u32le(1),
    u32le(1),
    Buffer.alloc(40),
  ]);
  const files: [string, Buffer][] = [
    ['drawing.svg', svg],
    ['drawing.svg.png', Buffer.concat([ascii('<?xml version="1.0"?>\n'), svg])],
    ['page.html', HTML],
    ['page.jpg', Buffer.concat([ascii('<html>'), small.jpg])],
    ['still.gif', await picture(9, 9).gif().toBuffer()],
    ['scan.tiff', await picture(9, 9).tiff().toBuffer()],
    ['old.bmp', bmp],
    [
      'icon.ico',
      Buffer.concat([
        Buffer.from([0, 0, 1, 0, 1, 0, 9, 9, 0, 0, 1, 0, 32, 0]),
        u32le(9),
        u32le(22),
        small.png,
      ]),
    ],
    ['paper.pdf', PDF],
    ['archive.zip', ZIP],
    ['clip.mp4', fixture('tiny.mp4')],
    ['clip.mov', Buffer.concat([u32(20), ascii('ftypqt  \0\0\0\0qt  '), fixture('tiny.mp4').subarray(32)])],
    ['clip.webm', ascii('\x1a\x45\xdf\xa3\x9fB\x86\x81\x01webm')],
    ['layers.psd', ascii('8BPS\0\x01\0\0\0\0\0\0\0\x03')],
    ['new.jxl', ascii('\0\0\0\x0cJXL \x0d\x0a\x87\x0a')],
    ['new.jp2', ascii('\0\0\0\x0cjP  \x0d\x0a\x87\x0a')],
    ['words.txt', ascii('not a picture at all')],
    ['data.json', ascii('{"image_url":"https://example.com/a.png"}')],
    ['zeros.png', Buffer.alloc(4_096)],
    ['a start only.jpg', ascii('\xff\xd8')],
    ['behind white space.png', Buffer.concat([ascii('\n'), small.png])],
    [
      'arithmetic.jpg',
      patched(small.jpg, small.jpg.indexOf(Buffer.from([0xff, 0xc0])) + 1, Buffer.from([0xc9])),
    ],
  ];
  return [
    ...files.map(([name, bytes]) => ({ name, bytes, verdict: 'unsupported' })),
    { name: 'nothing.png', bytes: Buffer.alloc(0), verdict: 'empty' },
  ];
}

function patched(bytes: Buffer, at: number, patch: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  patch.copy(copy, at);
  return copy;
}

async function animated(): Promise<CorpusFile[]> {
  const frames = await sharp([small.png, small.jpg], { join: { animated: true } })
    .webp()
    .toBuffer();
  const control = Buffer.concat([u32(8), ascii('acTL'), u32(2), u32(0), Buffer.alloc(4)]);
  const movie = Buffer.concat([u32(16), ascii('moov'), Buffer.alloc(8)]);
  const files: [string, Buffer][] = [
    ['frames.webp', frames],
    ['frames.png', Buffer.concat([small.png.subarray(0, 33), control, small.png.subarray(33)])],
    ...['avis', 'msf1', 'hevc'].map((brand): [string, Buffer] => [
      `brand ${brand}.heic`,
      patched(small.heic, 8, ascii(brand)),
    ]),
    ['brand avis.avif', patched(small.avif, 8, ascii('avis'))],
    ['with a movie.heic', Buffer.concat([small.heic, movie])],
    ['with a movie.avif', Buffer.concat([small.avif, movie])],
  ];
  return files.map(([name, bytes]) => ({ name, bytes, verdict: 'animated' }));
}

/** Little to send, much to decode. */
async function bombs(): Promise<CorpusFile[]> {
  const blank = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: '#123' }, limitInputPixels: false });
  const frame = small.jpg.indexOf(Buffer.from([0xff, 0xc0]));
  const extent = (bytes: Buffer): number => bytes.indexOf('ispe') + 8;
  const lossless = await picture(20, 20).webp({ lossless: true }).toBuffer();
  const files: [string, Buffer][] = [
    ['12000x9000.png', await blank(12_000, 9_000).png({ compressionLevel: 9 }).toBuffer()],
    ['16385x1.png', await blank(16_385, 1).png().toBuffer()],
    ['1x20000.jpg', await blank(1, 20_000).jpeg().toBuffer()],
    ['says 4294967295 a side.png', patched(small.png, 16, Buffer.alloc(8, 0xff))],
    ['says 65535 a side.jpg', patched(small.jpg, frame + 5, Buffer.alloc(4, 0xff))],
    // 14 bits each, less one, behind the signature.
    ['says 16383 a side.webp', patched(lossless, 21, Buffer.from([0xff, 0xff, 0xff, 0x0f]))],
    [
      'says 65536 a side.avif',
      patched(small.avif, extent(small.avif), Buffer.from([0, 1, 0, 0, 0, 1, 0, 0])),
    ],
  ];
  const heic = makeHeic({
    width: 64,
    height: 48,
    rgb: pictureRgb(64, 48),
    declared: { width: 40_000, height: 40_000 },
  });
  return [...files, ['says 40000 a side.heic', heic] as const].map(([name, bytes]) => ({
    name,
    bytes,
    verdict: 'too_large',
  }));
}
