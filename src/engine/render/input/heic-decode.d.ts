/** The part of `heic-decode` that we use; the package has no types of its own. */
declare module 'heic-decode' {
  interface HeicImage {
    /** As the file declares it, rotation applied. */
    readonly width: number;
    readonly height: number;
    /** RGBA, 8 bits each. */
    decode(): Promise<{ width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> }>;
  }

  interface HeicImages extends Array<HeicImage> {
    dispose(): void;
  }

  const decode: {
    /** Reads the file's structure; pixels are decoded on demand. Free them with `dispose`. */
    all(input: { buffer: Uint8Array }): Promise<HeicImages>;
  };
  export default decode;
}
