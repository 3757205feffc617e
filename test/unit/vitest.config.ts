import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    name: 'unit',
    // A process for each file took a third of their time. Whoever fakes a clock gives it back; nothing else is changed.
    isolate: false,
    // Only a hang fails a soak run.
    ...(process.env.SOAK ? { testTimeout: 1_800_000 } : {}),
  },
});
