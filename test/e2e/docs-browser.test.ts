import type { Browser, Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Page } from '../../src/worker/docs/layout.ts';
import { docsIndex, docsPage, problemPage } from '../../src/worker/docs/page.ts';
import { samples } from '../../src/worker/docs/samples.ts';
import { PALETTE } from '../../src/worker/docs/style.ts';
import { MODELS } from '../../src/worker/models/index.ts';
import { openBrowser, visit } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { openSite, type Site } from '../support/site.ts';

const [model] = MODELS;
if (!model) throw new Error('the catalogue is empty');

const PUBLIC_URL = 'https://video.example.com';
const SERVICE_SHAPE = {
  api_key: z.string().optional().meta({ description: 'The key.' }),
  response_mode: z.enum(['inline', 'polling']).default('inline').meta({ description: 'How to answer.' }),
};
const CONFIG = {
  PUBLIC_URL,
  PRICES: {},
  INLINE_WAIT_S: 240,
  MAX_BODY_BYTES: 16_777_216,
  MAX_UPLOAD_BYTES: 20_971_520,
  JOB_DEADLINE_S: 3_600,
  RESULT_RETENTION_DAYS: 30,
  INPUT_RETENTION_HOURS: 48,
  FILE_LINK_TTL_S: 86_400,
};

const pages = new Map<string, Page | null>([
  ['/docs', await docsIndex(MODELS)],
  [`/docs/${model.id}`, await docsPage(model, SERVICE_SHAPE, CONFIG)],
  ['/problems/invalid-request', await problemPage('invalid-request')],
]);

/** A browser on a busy machine: only a hang should fail a test. */
const TIMEOUT_MS = 60_000;

/** #rrggbb as `getComputedStyle` writes it. */
function rgb(colour: string): string {
  return `rgb(${[1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)).join(', ')})`;
}

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('the pages in Chromium', { timeout: TIMEOUT_MS }, () => {
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    site = await openSite((request, response) => {
      const page = pages.get(request.url ?? '');
      if (page) response.writeHead(200, page.headers).end(page.html);
      else response.writeHead(404).end();
    });
    browser = await openBrowser();
  }, TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const viewport = (width: number) => ({ width, height: 844 });

  const opened = <T>(
    path: string,
    { width, scheme = 'light' }: { width: number; scheme?: 'light' | 'dark' },
    look: (tab: Tab) => Promise<T>,
  ) => visit(browser, site.url + path, { viewport: viewport(width), colorScheme: scheme }, look);

  it.each([...pages.keys()])('%s fits every screen and asks for nothing else', async (path) => {
    const { seen, requests, complaints } = await opened(path, { width: 320 }, async (tab) => {
      const over: Record<number, number> = {};
      for (const width of [320, 390, 768, 1_280]) {
        await tab.setViewportSize(viewport(width));
        over[width] = await tab.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
      }
      return over;
    });
    expect(seen).toEqual({ 320: 0, 390: 0, 768: 0, 1280: 0 });
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([site.url + path]);
    expect(complaints).toEqual([]);
  });

  it('is dark for those who want it dark', async () => {
    const background = (tab: Tab) => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await opened('/docs', { width: 390, scheme: 'light' }, background);
    const dark = await opened('/docs', { width: 390, scheme: 'dark' }, background);
    expect(light.seen).toBe(rgb(PALETTE.light.page));
    expect(dark.seen).toBe(rgb(PALETTE.dark.page));
  });

  it.each([390, 1_280])('keeps its tables tables at %i px', async (width) => {
    const { seen } = await opened(`/docs/${model.id}`, { width }, async (tab) => ({
      tables: await tab.getByRole('table').count(),
      cell: await tab.getByRole('row', { name: 'duration' }).getByRole('cell').first().textContent(),
      rowHeaders: await tab.getByRole('rowheader', { name: 'prompt', exact: true }).count(),
    }));
    expect(seen.tables).toBe(4);
    expect(seen.cell).toContain('number');
    expect(seen.rowHeaders).toBe(1);
  });

  it('leads from the first Tab to the content', async () => {
    const { seen } = await opened(`/docs/${model.id}`, { width: 390 }, async (tab) => {
      await tab.keyboard.press('Tab');
      const first = await tab.evaluate(() => document.activeElement?.textContent);
      const visible = await tab.locator('.skip').isVisible();
      await tab.keyboard.press('Enter');
      return { first, visible, reached: await tab.evaluate(() => document.activeElement?.id) };
    });
    expect(seen).toEqual({ first: 'Skip to the content', visible: true, reached: 'main' });
  });

  it('selects a whole sample at a click, as it runs', async () => {
    const texts = samples(model, {
      baseUrl: PUBLIC_URL,
      apiKey: 'YOUR_API_KEY',
      imageUrl: 'https://example.com/photo.jpg',
    });
    for (const [name, text] of [
      ['Sample in curl', texts.curl],
      ['Sample in Python', texts.python],
      ['Sample in JavaScript', texts.javascript],
    ] as const) {
      const { seen } = await opened(`/docs/${model.id}`, { width: 1_280 }, async (tab) => {
        await tab.getByRole('region', { name }).locator('code').click();
        return tab.evaluate(() => document.getSelection()?.toString());
      });
      expect(seen?.trimEnd()).toBe(text.trimEnd());
    }
  });
});
