/** The page of an upload link in every state: how it fits, what it asks for, and what it is without eyes or mouse. */

import type { Browser, BrowserContextOptions, Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PublicJob, PublicLink } from '../../src/studio/upload/link.ts';
import { linkPage, problemPage, SCRIPT_PATH } from '../../src/studio/upload/page.ts';
import { SCRIPT } from '../../src/studio/upload/script.ts';
import { UPLOAD_PALETTE } from '../../src/studio/upload/style.ts';
import type { Page } from '../../src/worker/docs/layout.ts';
import { openBrowser, visit } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { picture } from '../support/pictures.ts';
import { openSite, type Site } from '../support/site.ts';
import { soakOr } from '../support/soak.ts';

const PENDING: PublicLink = {
  status: 'pending',
  expires_at: '2026-11-22T16:30:00.000Z',
  max_bytes: 20_971_520,
  types: ['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/heif'],
  job: { status: 'waiting' },
};

const uploaded = (job?: PublicJob): PublicLink => {
  const { job: _, ...link } = PENDING;
  return { ...link, status: 'uploaded', ...(job ? { job } : {}) };
};

const links: Readonly<Record<string, PublicLink>> = {
  pending: PENDING,
  stored: uploaded(),
  on_hold: uploaded({ status: 'on_hold' }),
  queued: uploaded({ status: 'in_progress', phase: 'queued' }),
  rendering: uploaded({ status: 'in_progress', phase: 'rendering' }),
  storing: uploaded({ status: 'in_progress', phase: 'storing' }),
  completed: {
    ...uploaded({ status: 'completed' }),
    video: { url: 'https://video.example.com/files/t/v.mp4', width: 1_920, height: 1_080 },
  },
  failed: uploaded({ status: 'failed', error: { code: 'image_too_small' } }),
};

const pages = new Map<string, Page>([
  ...(await Promise.all(
    Object.entries(links).map(async ([name, link]): Promise<[string, Page]> => [name, await linkPage(link)]),
  )),
  ['expired', await problemPage({ code: 'link_expired', detail: '' }, null)],
  ['unknown', await problemPage({ code: 'not_found', detail: '' }, null)],
  [
    'refused',
    await problemPage(
      { code: 'body_too_large', detail: '', limit: 2_000_000 },
      { href: '/', label: 'Again' },
    ),
  ],
]);

/** A browser on a busy machine: only a hang should fail a test. */
const TIMEOUT_MS = 60_000;

/** How much has moved since the page was opened: the sum of the Layout Instability API, which is 0 for nothing. */
function layoutShift(): Promise<number> {
  return new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) sum += (entry as unknown as { value: number }).value;
    }).observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  });
}

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('the page of an upload link', { timeout: TIMEOUT_MS }, () => {
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    site = await openSite((request, response) => {
      const path = (request.url ?? '').replace(/\?.*/, '');
      const name = path.slice('/u/'.length);
      const page = pages.get(name);
      if (path === SCRIPT_PATH) response.writeHead(200, { 'content-type': 'text/javascript' }).end(SCRIPT);
      // Nothing changes while it is looked at.
      else if (page && request.headers.accept === 'application/json')
        response.end(JSON.stringify(links[name]));
      else if (page) response.writeHead(200, page.headers).end(page.html);
      else response.writeHead(204).end();
    });
    browser = await openBrowser();
  }, TIMEOUT_MS);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const opened = <T>(name: string, options: BrowserContextOptions, look: (tab: Tab) => Promise<T>) =>
    visit(browser, `${site.url}/u/${name}`, options, look);

  const viewport = (width: number) => ({ width, height: 844 });
  const widths = soakOr<readonly number[]>([320, 390, 1_280], [320, 1_280]);

  it.each([...pages.keys()])('"%s" fits every screen, asks nobody else, and moves nothing', async (name) => {
    for (const javaScriptEnabled of [true, false]) {
      const { seen, requests, complaints } = await opened(name, { javaScriptEnabled }, async (tab) => {
        const looks: unknown[] = [];
        for (const width of widths) {
          await tab.setViewportSize(viewport(width));
          // As it is opened at this width.
          await tab.reload();
          looks.push({
            over: await tab.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
            ),
            headings: await tab.getByRole('heading', { level: 1 }).count(),
            lang: await tab.locator('html').getAttribute('lang'),
            // Without script there is nothing that could move, and no frame in which to look.
            moved: javaScriptEnabled ? await tab.evaluate(layoutShift) : 0,
          });
        }
        return looks;
      });
      expect(seen).toEqual(widths.map(() => ({ over: 0, headings: 1, lang: 'en', moved: 0 })));
      expect(requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(site.url))).toEqual([]);
      expect(complaints).toEqual([]);
    }
  });

  it.each(['light', 'dark'] as const)('is %s for those who want it so', async (scheme) => {
    const { seen } = await opened('pending', { colorScheme: scheme }, (tab) =>
      tab.evaluate(() => getComputedStyle(document.body).backgroundColor),
    );
    const [r, g, b] = [1, 3, 5].map((at) =>
      Number.parseInt(UPLOAD_PALETTE[scheme].page.slice(at, at + 2), 16),
    );
    expect(seen).toBe(`rgb(${r}, ${g}, ${b})`);
  });

  it('stands still for those who want nothing to move', async () => {
    const moving = (tab: Tab) => tab.evaluate(() => document.getAnimations().length);
    expect((await opened('rendering', {}, moving)).seen).toBeGreaterThan(0);
    expect((await opened('rendering', { reducedMotion: 'reduce' }, moving)).seen).toBe(0);
  });

  it('has a name for every field, and says which limits are meant', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const { seen } = await opened('pending', { javaScriptEnabled }, (tab) =>
        tab.locator('input, progress').evaluateAll((fields) =>
          fields.map((field) => ({
            id: field.id,
            label: [...((field as HTMLInputElement).labels ?? [])].map(({ textContent }) =>
              textContent?.trim(),
            ),
            described: field.getAttribute('aria-describedby') ?? undefined,
          })),
        ),
      );
      expect(seen).toEqual([
        { id: 'file', label: [expect.stringContaining('Choose a picture')], described: 'limits' },
        { id: 'photo', label: ['Take a photo'], described: 'limits' },
        { id: 'bar', label: ['Sending'] },
      ]);
    }
  });

  /** The elements that Tab reaches, in order, and whether the focus can be seen on or beside each. */
  async function tabStops(tab: Tab) {
    const stops: { id: string; seen: boolean }[] = [];
    for (let i = 0; i < 8; i++) {
      await tab.keyboard.press('Tab');
      const stop = await tab.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return null;
        // A field that is not seen itself shows its focus on its label.
        const label = (element as HTMLInputElement).labels?.[0];
        const shown = [element, label].filter((one) => one instanceof HTMLElement);
        const seen = shown.some((one) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(one);
          const { width, height } = one.getBoundingClientRect();
          return (
            outlineStyle === 'solid' && Number.parseFloat(outlineWidth) >= 2 && width > 20 && height > 20
          );
        });
        return { id: element.id, seen };
      });
      if (stop === null) break;
      stops.push(stop);
    }
    return stops;
  }

  it('is used by keyboard in the order in which it is read', async () => {
    const stop = (id: string) => ({ id, seen: true });
    const phone = { viewport: viewport(390), hasTouch: true, isMobile: true };
    expect((await opened('pending', {}, tabStops)).seen).toEqual([stop('file'), stop('send')]);
    expect((await opened('pending', { javaScriptEnabled: false }, tabStops)).seen).toEqual([
      stop('file'),
      stop('send'),
    ]);
    expect((await opened('pending', phone, tabStops)).seen).toEqual([
      stop('file'),
      stop('photo'),
      stop('send'),
    ]);
  });

  it('leads the focus to what comes next, and says it', async () => {
    const photo = await picture(64, 64).jpeg().toBuffer();
    await opened('pending', {}, async (tab) => {
      await tab.route(`${site.url}/u/pending`, (route) =>
        route.request().method() === 'PUT' ? undefined : route.continue(),
      );
      await tab.setInputFiles('#file', { name: 'a.jpg', mimeType: 'image/jpeg', buffer: photo });
      const focus = () => tab.evaluate(() => document.activeElement?.id);
      await expect.poll(focus).toBe('send');
      expect(await tab.getByRole('status').textContent()).toBe('a.jpg is chosen.');
      await tab.keyboard.press('Enter');
      await expect.poll(focus).toBe('cancel');
      expect(await tab.getByRole('status').textContent()).toBe('Sending your picture.');
      await tab.keyboard.press('Enter');
      await expect.poll(focus).toBe('send');
      expect(await tab.getByRole('status').textContent()).toBe('Canceled.');
    });
  });

  it('tells the step that is under way', async () => {
    const { seen } = await opened('rendering', {}, (tab) =>
      tab.getByRole('list', { name: 'Progress' }).locator('[aria-current=step]').allTextContents(),
    );
    expect(seen).toEqual(['Making the video']);
  });
});
