/** What kind of file bytes are, by the bytes alone. */

/** Kinds that can be rendered. */
export type ImageKind = 'png' | 'jpeg' | 'webp' | 'avif' | 'heic';

/** A known kind, `unsupported` for a known kind that cannot be rendered, `unknown` for anything else. */
export type Sniffed = ImageKind | 'unsupported' | 'unknown';

const AVIF_BRANDS: ReadonlySet<string> = new Set(['avif', 'avis']);

/** HEIF brands of HEVC images, and those that only say that it is HEIF. */
const HEIC_BRANDS: ReadonlySet<string> = new Set([
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'],
  ...['mif1', 'mif2', 'msf1'],
]);

/** How other images, and documents that programs take for images, begin. */
const OTHERS: readonly string[] = [
  'GIF8',
  'BM',
  'II*\0',
  'MM\0*',
  '8BPS',
  '%PDF',
  '\0\0\x01\0',
  '\0\0\0\x0cJXL ',
  '\xff\x0a',
  '\0\0\0\x0cjP  ',
  '<svg',
  '<?xml',
];

/** Looks at how a file begins. */
export function sniff(bytes: Buffer): Sniffed {
  const head = bytes.subarray(0, 16).toString('latin1');
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp';
  if (head.slice(4, 8) === 'ftyp') {
    const brands = brandsOf(bytes);
    if (brands.some((brand) => AVIF_BRANDS.has(brand))) return 'avif';
    if (brands.some((brand) => HEIC_BRANDS.has(brand))) return 'heic';
    return 'unsupported';
  }
  return OTHERS.some((start) => head.startsWith(start)) ? 'unsupported' : 'unknown';
}

/** The major and the compatible brands of an ISO base media file. */
export function brandsOf(bytes: Buffer): string[] {
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 256);
  const brands = [bytes.toString('latin1', 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(bytes.toString('latin1', at, at + 4));
  return brands;
}
