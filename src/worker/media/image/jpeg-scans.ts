/** Where a JPEG really ends: its segments and scans followed to the end marker (ITU-T T.81 §B.1.1). Pure. */

export const SOI = 0xd8;
export const EOI = 0xd9;
const MARK = 0xff;

/** Markers without a length: restart intervals and the one for arithmetic coding's private use. */
export function standsAlone(marker: number): boolean {
  return (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01;
}

/**
 * The offset behind the end marker, from any place between two segments or within a scan; null when the bytes end
 * before. Coded data has no marker but restarts: 0xFF is followed by 0x00 there.
 */
export function scansEnd(bytes: Uint8Array, from: number): number | null {
  for (let at = bytes.indexOf(MARK, from); at >= 0; at = bytes.indexOf(MARK, at)) {
    const marker = bytes[at + 1];
    if (marker === undefined || marker === SOI) return null;
    if (marker === EOI) return at + 2;
    if (marker === MARK) {
      // A marker may be preceded by any number of fill bytes.
      at += 1;
    } else if (marker === 0x00 || standsAlone(marker)) {
      at += 2;
    } else {
      const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      if (length < 2) return null;
      at += 2 + length;
    }
  }
  return null;
}

/** The offset behind a whole JPEG that begins at `at`; null when there is none. */
export function jpegEnd(bytes: Uint8Array, at: number): number | null {
  const begins = bytes[at] === MARK && bytes[at + 1] === SOI && bytes[at + 2] === MARK;
  return begins ? scansEnd(bytes, at + 2) : null;
}
