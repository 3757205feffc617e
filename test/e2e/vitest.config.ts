import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Most of what the tests start is Node with the same modules: compiled once, they are loaded in half the time.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../../node_modules/.cache/firstframe/compiled');

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    name: 'e2e',
    // Two cores can keep two files busy: much of a file is waiting. More would make processes starve each other.
    maxWorkers: 2,
    // Only a hang fails a test. Files whose tests take longer when the machine is busy say so.
    testTimeout: process.env.SOAK ? 1_800_000 : 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
