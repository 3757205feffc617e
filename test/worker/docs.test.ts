import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/worker/models/index.ts';

const get = (path: string) => exports.default.fetch(new URL(path, 'https://firstframe.test'));

describe('the documentation, as it is served', () => {
  it.each(['/docs', ...MODELS.map(({ id }) => `/docs/${id}`), '/problems/insufficient-credits'])(
    '%s is a page under a strict policy',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'sha256-/,
      );
      expect(await response.text()).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
    },
  );

  it.each(['/docs/nothing', '/problems/nothing', '/problems/insufficient_credits'])(
    '%s is a 404',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      await response.body?.cancel();
    },
  );

  it('names every field that the endpoint takes', async () => {
    const document = (await (await get('/openapi.json')).json()) as {
      components: { schemas: Record<string, { properties?: Record<string, unknown> }> };
      paths: Record<string, unknown>;
    };
    for (const { id } of MODELS) {
      const html = await (await get(`/docs/${id}`)).text();
      const text = JSON.stringify(document.paths[`/api/${id}`]);
      const name = /#\/components\/schemas\/([^"]+-request)/.exec(text)?.[1];
      const schema = name === undefined ? undefined : document.components.schemas[name];
      const fields = Object.keys(schema?.properties ?? {});
      expect(fields).toContain('prompt');
      for (const field of fields) expect(html).toContain(`id="parameter-${field}"`);
    }
  });

  it('resolves the type of a real problem to its page', async () => {
    const refused = await get('/api/account');
    const problem = (await refused.json()) as { type: string; title: string };
    const page = await get(problem.type);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(`<h1>${problem.title}</h1>`);
  });
});
