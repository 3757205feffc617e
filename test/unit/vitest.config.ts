import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    name: 'unit',
    // A process for each file took a third of their time. Whoever fakes a clock gives it back; nothing else is changed.
    isolate: false,
    // Only a hang fails a test: properties, and modules as large as wrangler, take their time on a busy machine.
    testTimeout: process.env.SOAK ? 1_800_000 : 30_000,
    expect: { poll: { timeout: 15_000 } },
  },
});
