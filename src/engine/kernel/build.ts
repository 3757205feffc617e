/** Compiles the frame kernel: `npm run build:kernel`. The result is committed, so that installing needs no compiler. */

import { readFile, writeFile } from 'node:fs/promises';
import { main } from 'assemblyscript/asc';

const SOURCE = new URL('./assembly/sampler.ts', import.meta.url);

/** Where the compiled kernel lies. */
export const KERNEL_FILE = new URL('./sampler.wasm', import.meta.url);

/**
 * Compiles the kernel.
 *
 * @throws {Error} With the compiler's messages.
 */
export async function buildKernel(): Promise<Uint8Array> {
  const source = await readFile(SOURCE, 'utf8');
  let binary: Uint8Array | undefined;
  const { error, stderr } = await main(
    // No runtime and no memory of its own: the host lays out the planes.
    [
      'sampler.ts',
      '--outFile',
      'sampler.wasm',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--importMemory',
      '--enable',
      'simd',
    ],
    {
      readFile: (name) => (name === 'sampler.ts' ? source : null),
      writeFile: (_name, contents) => {
        binary = Buffer.from(contents);
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new Error(`The kernel does not compile: ${stderr.toString()}`);
  return binary;
}

if (import.meta.main) {
  const binary = await buildKernel();
  await writeFile(KERNEL_FILE, binary);
  process.stdout.write(`${binary.length} bytes\n`);
}
