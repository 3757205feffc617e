/**
 * Real HEIC files. No package here writes them, so an image is encoded as one HEVC picture (libx265, in FFmpeg) and put
 * into the boxes of ISO/IEC 23008-12.
 */

import { spawnSync } from 'node:child_process';
import ffmpeg from '@ffmpeg-installer/ffmpeg';

export interface HeicOptions {
  readonly width: number;
  readonly height: number;
  /** Packed RGB. */
  readonly rgb: Buffer;
  /** Quarter turns anticlockwise that the file asks for. */
  readonly turns?: number;
  /** The size that the file declares, where that is not the true one. */
  readonly declared?: { readonly width: number; readonly height: number };
  readonly majorBrand?: string;
}

/** Makes a HEIC; both sides must be even. */
export function makeHeic(options: HeicOptions): Buffer {
  const { width, height, turns = 0, declared = options, majorBrand = 'heic' } = options;
  const units = nalUnits(encodeHevc(options));
  const parameterSets = units.filter((unit) => [32, 33, 34].includes(nalType(unit)));
  const picture = Buffer.concat(
    units.filter((unit) => nalType(unit) < 32).map((unit) => Buffer.concat([u32(unit.length), unit])),
  );
  if (picture.length === 0) throw new Error(`No HEVC picture of ${width}x${height} was made.`);

  const properties = [
    box('hvcC', hevcConfiguration(parameterSets)),
    fullBox('ispe', u32(declared.width), u32(declared.height)),
    ...(turns ? [box('irot', Buffer.from([turns]))] : []),
  ];
  // The first property, the decoder's configuration, is essential; so is the rotation.
  const associations = properties.map((_, index) => (index === 1 ? 0 : 0x80) | (index + 1));
  const meta = (offset: number): Buffer =>
    fullBox(
      'meta',
      fullBox('hdlr', u32(0), Buffer.from('pict'), Buffer.alloc(12), Buffer.from([0])),
      fullBox('pitm', u16(1)),
      // Offsets and lengths of four bytes; one item in one piece.
      fullBox(
        'iloc',
        Buffer.from([0x44, 0]),
        u16(1),
        u16(1),
        u16(0),
        u16(1),
        u32(offset),
        u32(picture.length),
      ),
      fullBox('iinf', u16(1), versionedBox('infe', 2, u16(1), u16(0), Buffer.from('hvc1\0'))),
      box(
        'iprp',
        box('ipco', ...properties),
        fullBox('ipma', u32(1), u16(1), Buffer.from([associations.length, ...associations])),
      ),
    );
  const ftyp = box('ftyp', Buffer.from(majorBrand), u32(0), Buffer.from('mif1heic'));
  const offset = ftyp.length + meta(0).length + 8;
  return Buffer.concat([ftyp, meta(offset), box('mdat', picture)]);
}

/** One intra picture as an Annex B stream. */
function encodeHevc({ width, height, rgb }: HeicOptions): Buffer {
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-i', 'pipe:0'];
  const output = ['-frames:v', '1', '-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const settings = ['-x265-params', 'crf=12:log-level=none:info=0:range=limited', '-f', 'hevc', 'pipe:1'];
  const { stdout, stderr, status } = spawnSync(
    ffmpeg.path,
    ['-v', 'error', ...input, ...output, ...settings],
    { input: rgb, maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0) throw new Error(`No HEVC could be made: ${stderr}`);
  return stdout;
}

/** The units of an Annex B stream, which start codes separate. */
function nalUnits(stream: Buffer): Buffer[] {
  const starts: number[] = [];
  for (
    let at = stream.indexOf('\0\0\x01', 0, 'latin1');
    at >= 0;
    at = stream.indexOf('\0\0\x01', at + 3, 'latin1')
  ) {
    starts.push(at);
  }
  return starts.map((start, index) => {
    let end = starts[index + 1] ?? stream.length;
    // A start code may have a zero more before it.
    if (end < stream.length && stream[end - 1] === 0) end--;
    return stream.subarray(start + 3, end);
  });
}

function nalType(unit: Buffer): number {
  return ((unit[0] ?? 0) >> 1) & 63;
}

/** HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.2.1) for 8-bit 4:2:0. */
function hevcConfiguration(parameterSets: readonly Buffer[]): Buffer {
  const sps = parameterSets.find((unit) => nalType(unit) === 33);
  if (!sps) throw new Error('The stream has no sequence parameter set.');
  // Behind the unit's header and a byte of ids: profile, compatibility, constraints and level, once the bytes that
  // only keep start codes from arising are taken out.
  const plain = Buffer.from(sps.toString('latin1').replaceAll('\0\0\x03', '\0\0'), 'latin1');
  const profileTierLevel = plain.subarray(3, 15);
  const arrays = parameterSets.map((unit) =>
    Buffer.concat([Buffer.from([0x80 | nalType(unit)]), u16(1), u16(unit.length), unit]),
  );
  return Buffer.concat([
    Buffer.from([1]),
    profileTierLevel,
    Buffer.from([0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, arrays.length]),
    ...arrays,
  ]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function box(type: string, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
}

function versionedBox(type: string, version: number, ...contents: Buffer[]): Buffer {
  return box(type, Buffer.from([version, 0, 0, 0]), ...contents);
}

function fullBox(type: string, ...contents: Buffer[]): Buffer {
  return versionedBox(type, 0, ...contents);
}
