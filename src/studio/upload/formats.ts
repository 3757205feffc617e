/** Types, sizes and addresses as the page has them, here and in the browser. Pure. */

const NAMES: Readonly<Record<string, string>> = {
  'image/jpeg': 'JPEG',
  'image/png': 'PNG',
  'image/webp': 'WebP',
  'image/avif': 'AVIF',
  'image/heif': 'HEIC',
};

/** What a file dialog has to be told beside the type itself: phones call HEIF by other names, or by none. */
const ALSO: Readonly<Record<string, string>> = { 'image/heif': ',image/heic,.heic,.heif' };

const KILOBYTE = 1_000;
const MEGABYTE = 1_000_000;

/** `image/jpeg` as "JPEG". */
export function nameOfType(type: string): string {
  return NAMES[type] ?? type;
}

/** "JPEG, PNG or WebP". */
export function typesInWords(types: readonly string[]): string {
  const names = types.map(nameOfType);
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

/** The `accept` attribute of a file field. */
export function acceptOf(types: readonly string[]): string {
  return types.map((type) => type + (ALSO[type] ?? '')).join(',');
}

/** A limit in words, rounded down: a file of this size is never refused. */
export function limitInWords(bytes: number): string {
  return words(bytes, Math.floor);
}

/** The size of a file in words. */
export function sizeInWords(bytes: number): string {
  return words(bytes, Math.round);
}

function words(bytes: number, round: (n: number) => number): string {
  const [unit, name] = bytes < MEGABYTE ? ([KILOBYTE, 'kB'] as const) : ([MEGABYTE, 'MB'] as const);
  if (bytes < KILOBYTE) return `${bytes} bytes`;
  const amount = bytes / unit;
  // One decimal where it says something.
  return `${amount < 10 ? round(amount * 10) / 10 : round(amount)} ${name}`;
}

/** A file of ours without its origin: the page may be looked at under another name than the public one. */
export function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
