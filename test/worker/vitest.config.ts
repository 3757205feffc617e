import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: join(import.meta.dirname, '../../wrangler.toml') },
      miniflare: {
        bindings: {
          PUBLIC_URL: 'https://firstframe.test',
          SIGNING_SECRETS: 'test:0123456789abcdef0123456789abcdef',
          ADMIN_TOKEN: 'test-admin-token-0123456789',
          FAL_KEY: 'test-fal-key',
          LOCAL_MODE: 'true',
          SOAK: process.env.SOAK ?? '',
        },
      },
    }),
  ],
  test: {
    dir: import.meta.dirname,
    name: 'worker',
    silent: 'passed-only',
    // A first request starts objects on a disk that other tests use too.
    testTimeout: process.env.SOAK ? 1_800_000 : 60_000,
    expect: { poll: { timeout: 30_000 } },
    // Each file has a runtime of its own, and so objects, directories and files of its own; two run side by side.
    maxWorkers: 2,
  },
});
