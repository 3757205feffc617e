/** Reading numbers out of untrusted bytes: every read is checked, and one past the end says so in one way. Pure. */

/** The bytes end before what they announce. Thrown by {@link ByteReader}, caught by whoever parses a whole file. */
export class EndOfBytes extends Error {
  override readonly name = 'EndOfBytes';
}

/** Random access to bytes. All offsets are from the start; numbers are big-endian unless the name says otherwise. */
export class ByteReader {
  readonly length: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.length = bytes.byteLength;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws {EndOfBytes} unless `count` bytes lie at `at`. */
  need(at: number, count: number): void {
    if (at < 0 || at + count > this.length) throw new EndOfBytes();
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.need(at, 2);
    return this.#view.getUint16(at);
  }

  u16le(at: number): number {
    this.need(at, 2);
    return this.#view.getUint16(at, true);
  }

  u24le(at: number): number {
    return this.u16le(at) | (this.u8(at + 2) << 16);
  }

  u32(at: number): number {
    this.need(at, 4);
    return this.#view.getUint32(at);
  }

  u32le(at: number): number {
    this.need(at, 4);
    return this.#view.getUint32(at, true);
  }

  i32(at: number): number {
    this.need(at, 4);
    return this.#view.getInt32(at);
  }

  /** 64 bits; beyond 2^53 not exact, which no size or offset of a file that we take can reach. */
  u64(at: number): number {
    return this.u32(at) * 2 ** 32 + this.u32(at + 4);
  }

  /** Characters of one byte each, as in four-character codes. */
  latin1(at: number, length: number): string {
    this.need(at, length);
    let text = '';
    for (let i = at; i < at + length; i++) text += String.fromCharCode(this.#view.getUint8(i));
    return text;
  }
}
