/** The frame kernel as the renderer calls it: the compiled module over a memory that grows as planes are laid out. */

import { readFileSync } from 'node:fs';

const FILE = new URL('./sampler.wasm', import.meta.url);

const PAGE_BYTES = 65_536;

/** 1 GiB: ten times what two images need at 2160p. */
const MAX_PAGES = 16_384;

/** Bytes that may be read past the end of a plane: the kernel reads rows 16 bytes at a time. */
const SLACK_BYTES = 32;

/** Bytes of the horizontal table for 8 output pixels. */
const BLOCK_BYTES = 48;

/** Source pixels from one output pixel to the next: the kernel finds 8 output pixels within 16 source bytes. */
export const MAX_STEP = 2;

/** The functions that assembly/sampler.ts exports; addresses, sizes and positions as described there. */
interface Exports {
  columns(table: number, count: number, origin: number, step: number, limit: number): void;
  sample(
    source: number,
    stride: number,
    sourceHeight: number,
    target: number,
    width: number,
    height: number,
    table: number,
    scratch: number,
    origin: number,
    step: number,
  ): void;
  dissolve(
    leaving: number,
    arriving: number,
    ramp: number,
    count: number,
    offset: number,
    shift: number,
  ): void;
}

/** 8-bit samples in the kernel's memory, rows without padding. */
export interface Plane {
  readonly address: number;
  readonly width: number;
  readonly height: number;
}

/** Where an axis of a plane is sampled: the first output sample's centre and the distance to the next. */
export interface Axis {
  /** In source samples, from the centre of the first one. */
  readonly origin: number;
  /** In source samples, at most MAX_STEP. */
  readonly step: number;
}

/** The kernel and its memory. */
export class Kernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES });
  readonly #exports: Exports;
  #top = 0;
  #table = 0;
  #scratch = 0;

  constructor(binary: Uint8Array<ArrayBuffer> = readFileSync(FILE)) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), {
      env: { memory: this.#memory },
    });
    this.#exports = instance.exports as unknown as Exports;
  }

  /** Reserves memory, which is zero. It may be read 32 bytes past its end. Views made earlier are void afterwards. */
  allocate(bytes: number): number {
    const address = this.#top;
    this.#top += Math.ceil((bytes + SLACK_BYTES) / 16) * 16;
    const missing = Math.ceil(this.#top / PAGE_BYTES) - this.#memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) this.#memory.grow(missing);
    return address;
  }

  /** A view of the memory, good until the next `allocate`. */
  view(address: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, address, bytes);
  }

  /** Sets room aside for outputs up to `width` samples a row, from sources of up to `sourceWidth`. */
  prepare(width: number, sourceWidth: number): void {
    this.#table = this.allocate(Math.ceil(width / 8) * BLOCK_BYTES);
    this.#scratch = this.allocate(sourceWidth);
  }

  /**
   * Resamples a plane bilinearly. Positions outside it are mirrored at its edge.
   *
   * @param target At least 8 samples wide.
   */
  sample(source: Plane, target: Plane, x: Axis, y: Axis): void {
    if (!(x.step <= MAX_STEP)) throw new RangeError(`A step of ${x.step} samples is beyond the kernel.`);
    this.#exports.columns(this.#table, target.width, x.origin, x.step, source.width);
    this.#exports.sample(
      source.address,
      source.width,
      source.height,
      target.address,
      target.width,
      target.height,
      this.#table,
      this.#scratch,
      y.origin,
      y.step,
    );
  }

  /** Lays `arriving` over `leaving`, both `count` samples, as far as the wipe along `ramp` has come. */
  dissolve(
    leaving: number,
    arriving: number,
    ramp: number,
    count: number,
    wipe: { readonly offset: number; readonly shift: number },
  ): void {
    this.#exports.dissolve(leaving, arriving, ramp, count, wipe.offset, wipe.shift);
  }
}
