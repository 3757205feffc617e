/** What may stand behind the end of any image: nothing that could be a file. Pure. */

const PADDING: ReadonlySet<number> = new Set([0x00, 0x09, 0x0a, 0x0d, 0x20]);

/** The offset of the first byte from `at` that is neither zero nor white space; the length when there is none. */
export function skipPadding(bytes: Uint8Array, at: number): number {
  let next = at;
  while (next < bytes.length && PADDING.has(bytes[next] as number)) next++;
  return next;
}

/** Whether nothing but padding follows. */
export function onlyPadding(bytes: Uint8Array, at: number): boolean {
  return skipPadding(bytes, at) === bytes.length;
}
