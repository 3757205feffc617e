/** A real, small MP4 for tests that need a video and no engine: 6 s of black, 1920×1080, 25 fps, H.264, no sound. */

/** What a demuxer says of {@link sampleMp4}. */
export const SAMPLE_MP4 = { bytes: 14142, duration: 6, width: 1920, height: 1080, fps: 25 } as const;

/** The file, gzipped, in base64: black frames pack to a fifteenth. */
const PACKED = [
  'H4sIAAAAAAACA+2WT2gcVRzHv7MzYSO07AYjiZiwG6lK8A9mq9iKJQ4R29hNohYVoUjGvEkydKc77kxXKzEZS6G59RCM8bWS',
  'emm1inprD4I9KC09tJeCggcRAllPKh6CUDLyZqdmk2iQ7O/4e7zf/Hnz5jvf33u7Pz4A8uPBcc/xyy6Qgjo7frlgVcf6XO+J',
  'PqBl2C2XqwBKbnVSYF3Ta0CHBw2qrzVt/ayN989iy5YCjI+DinUEwOHgSPxNfbNah7fpzf/x3XQIGHvi2122CHwAXXbJD9be',
  'SHTjd417XOFYAPKu2Jh7AdAewSvfxTePTopS5c6TqiPsxpmvOsIuH7COipKt5uhXXOfoOID2qhuLNtrcJerPukTFHm9IY8ex',
  'Silfv9ZDP3izBOBrP/BFw5xzatP+YymQDo09OADE8a8zNrXOKALwtFUdG9AEdke/ID8hsPuL4v36lbb+x1K3DKNFbY3yhEKm',
  's9AWakhP1gYyd/c8DiDrWb6XfElFpx/EC37n6/PxXgPtfuA3jqvo8gN/bMPYfP2cKvmB/26Dz3lA+zLJrJjEUBLDAEaSeDGJ',
  'l5J4GcAhDo4tot0Pxsprv8OWaQD7jolAFYUnXTs+q9bTWABc4VQszys1/planXqVaR2v2DbQd80VVgBoF+3ZE+nl/tWVycXU',
  'mTesi+HSB98/8NPI+9HnE97U6V/1uPb907Mrn0ztu5zZUaudS4baQkDXnwd0TR1wKQTeUxciBN5SFzPq8JGasBPQUyk1vx1I',
  'j66X5r51z/cAeM6U3bPTfrT62fx2dXa2qlJlyod/N+d6T/bvbUrrrrrW3meyxwsL2dvLzfoaNOXgVHa6eF7L3Jhp1tigKV//',
  'Jjsz1xs26UyJvWBK53Z2Zun6KIW1g6Z857SRWy2eh0GwBQdNObto5KK53hADfy42uwtFUy58ZeSipeujTdtL9D791shFfxUW',
  '0Kw/le6QKS/fNHKRWj4Sg0OmvPazkYviBaRYwWFT/vibElRLSLLFI6asRUoxXkSdYhlHTLlyIhNF0YOH1GAqd5bA5Zk0oWRr',
  'XbKDXvIh+sSfone5n17yNfrEJ+hdvk3v8hS95If0iV+gd3mJ3uVVepc/0Esu0ye+Qi4p0+SJS/p6KenrpaSvl3I/vUv6eikn',
  '6CXp66U8Rb899PVS0tdLSV8v5VV6Sfp6KZfpJZkvmS+ZL5kvmS+ZL5kvmS+ZL5kvmS+ZL5kvmS+ZL5kvmS+ZL5kvmS+ZL5kv',
  'mS+ZL5kvmS+ZL5kvmS+ZL5kvmS+3zZfd9HzZTc+X952NVi+c3K7kvX/8DV/3Ldw+NwAA',
].join('');

/** The bytes of the file, a fresh copy on each call. */
export async function sampleMp4(): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(PACKED), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
