import { expect, it } from 'vitest';
import { createApp } from '../../src/worker/app.ts';

const CONFIG = {
  PUBLIC_URL: 'https://firstframe.test',
  SIGNING_SECRETS: 'test:0123456789abcdef0123456789abcdef',
};

it('puts all routes into one regular expression', async () => {
  const app = createApp();
  await app.request('/nowhere', {}, CONFIG);
  // Hono falls back to a slower router, silently, where a name stands beside a parameter: `/u/page.js` and `/u/:token`.
  expect((app.router as { readonly name: string }).name).toBe('SmartRouter + RegExpRouter');
});
