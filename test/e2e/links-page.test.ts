/** The page of an upload link as people meet it: in Chromium, with script and without, against the real service. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContextOptions, Route, Page as Tab } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { makeHeic } from '../support/heic.ts';
import { picture } from '../support/pictures.ts';
import { startService, type TestService } from '../support/service.ts';
import { startRender } from '../support/small-renderer.ts';
import { openWebhookInbox } from '../support/webhook-inbox.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** A phone with a touch screen. */
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
};
const WITHOUT_SCRIPT: BrowserContextOptions = { ...PHONE, javaScriptEnabled: false };
const MODEL = 'ltx-2.3-image-to-video';

const noBrowser = await withoutBrowser();

/** A link's answer, as far as it is used here. */
interface Link {
  readonly upload_id: string;
  readonly url: string;
}

describe.skipIf(noBrowser !== null)('the page of an upload link', () => {
  let service: TestService;
  let browser: Browser;
  let shop: Server;
  let shopUrl = '';
  let photo: Buffer;

  beforeAll(async () => {
    service = await startService({ upstream: { kind: 'engine', startRender } });
    browser = await openBrowser();
    shop = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Thank you</h1>');
    });
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/thanks?order=7`;
    photo = await picture(640, 360).jpeg().toBuffer();
  });
  afterAll(async () => {
    await browser?.close();
    shop?.closeAllConnections();
    shop?.close();
    await service?.close();
  });

  async function api(method: string, path: string, body?: unknown) {
    const answer = await fetch(service.url + path, {
      method,
      headers: { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(json));
    return json;
  }
  const makeLink = (fields: Record<string, unknown> = {}): Promise<Link> =>
    api('POST', '/api/upload-links', fields);
  const stateOf = (link: Link) => api('GET', `/api/upload-links/${link.upload_id}`);

  /** Opens a link, and closes it once `use` is through. Nothing may leave the origin or break the policy. */
  async function opened<T>(link: Link, options: BrowserContextOptions, use: (tab: Tab) => Promise<T>) {
    const context = await browser.newContext(options);
    const tab = await context.newPage();
    const [requests, violations, crashes]: string[][] = [[], [], []];
    tab.on('request', (request) => requests?.push(request.url()));
    tab.on('pageerror', (error) => crashes?.push(error.message));
    tab.on('console', (message) => {
      if (/content security policy|refused to/i.test(message.text())) violations?.push(message.text());
    });
    await tab.goto(link.url);
    const seen = await use(tab);
    const ours = await context.storageState();
    await context.close();
    const allowed = [service.url, 'blob:', 'data:', new URL(shopUrl).origin];
    expect(requests?.filter((url) => !allowed.some((start) => url.startsWith(start)))).toEqual([]);
    expect({ violations, crashes, ...ours }).toEqual({
      violations: [],
      crashes: [],
      cookies: [],
      origins: [],
    });
    return seen;
  }

  const choose = (tab: Tab, buffer = photo, name = 'beach.jpg', mimeType = 'image/jpeg') =>
    tab.setInputFiles('#file', { name, mimeType, buffer });
  /** The same with script, once the page has looked at the file and would send it. */
  const picked = async (tab: Tab, ...what: [buffer?: Buffer, name?: string, mimeType?: string]) => {
    const preview = () => tab.locator('#preview').getAttribute('src');
    const before = await preview();
    await choose(tab, ...what);
    await expect.poll(preview).not.toBe(before);
  };
  /** What the service answers to the photo, for a line that does not pass it on. */
  const through = (route: Route) => route.fetch({ headers: route.request().headers(), postData: photo });
  const send = (tab: Tab) => tab.getByRole('button', { name: 'Send the picture' }).click();
  const heading = (tab: Tab, name: string | RegExp) => tab.getByRole('heading', { name }).waitFor();

  describe('without script', () => {
    test('takes a photo by the form, and says that it has arrived', async () => {
      const link = await makeLink();
      await opened(link, WITHOUT_SCRIPT, async (tab) => {
        await tab.getByLabel('Choose a picture').setInputFiles({
          name: 'beach.jpg',
          mimeType: 'image/jpeg',
          buffer: photo,
        });
        await send(tab);
        await heading(tab, 'Your picture has arrived');
        expect(tab.url()).toBe(link.url);
      });
      expect(await stateOf(link)).toMatchObject({ status: 'uploaded', bytes: photo.length, width: 640 });
    });

    test('leads on to the redirect_url, past its own policy', async () => {
      const link = await makeLink({ redirect_url: shopUrl });
      await opened(link, WITHOUT_SCRIPT, async (tab) => {
        await choose(tab);
        await send(tab);
        await heading(tab, 'Thank you');
        expect(tab.url()).toBe(shopUrl);
      });
      expect(await stateOf(link)).toMatchObject({ status: 'uploaded' });
    });

    test('says what is wrong with a file, and leads back to the form', async () => {
      const link = await makeLink({ types: ['image/png'] });
      await opened(link, WITHOUT_SCRIPT, async (tab) => {
        await choose(tab);
        await send(tab);
        await heading(tab, 'This kind of file does not work');
        await tab.getByRole('link', { name: 'Choose a picture again' }).click();
        await choose(tab, await picture(64, 64).png().toBuffer(), 'a.png', 'image/png');
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('says that a link is used, unknown or expired', async () => {
      const link = await makeLink();
      await opened(link, WITHOUT_SCRIPT, async (tab) => {
        await fetch(link.url, { method: 'PUT', body: new Uint8Array(photo) });
        await choose(tab);
        await send(tab);
        await heading(tab, 'A picture was sent already');
        await tab.getByRole('link', { name: 'See what became of it' }).click();
        await heading(tab, 'Your picture has arrived');
        const answer = await tab.goto(`${link.url.slice(0, -4)}0000`);
        expect(answer?.status()).toBe(404);
        await heading(tab, 'There is no such link');
      });
      const short = await makeLink({ expires_in: 1 });
      await expect.poll(async () => (await fetch(short.url)).status).toBe(410);
      await opened(short, WITHOUT_SCRIPT, (tab) => heading(tab, 'This link has expired'));
    });

    test('refreshes itself until the video is there', async () => {
      const link = await makeLink({ job: { model: MODEL, prompt: 'slow pan without script' } });
      await opened(link, WITHOUT_SCRIPT, async (tab) => {
        await choose(tab);
        await send(tab);
        await heading(tab, 'Your video is ready');
        expect(await tab.locator('video').getAttribute('src')).toMatch(/^\/files\//);
        await tab.getByRole('link', { name: 'Download the video' }).waitFor();
      });
    });
  });

  describe('with script', () => {
    test('a chosen picture is shown, sent, and has arrived, without a new page', async () => {
      const link = await makeLink();
      await opened(link, PHONE, async (tab) => {
        await picked(tab);
        await tab.getByText('beach.jpg', { exact: true }).waitFor();
        expect(
          await tab
            .locator('#preview')
            .evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)),
        ).toBe(640);
        expect(await tab.evaluate(() => document.activeElement?.id)).toBe('send');
        await tab.evaluate(() => {
          document.body.dataset.same = 'yes';
        });
        await send(tab);
        await heading(tab, 'Your picture has arrived');
        expect(await tab.evaluate(() => document.body.dataset.same)).toBe('yes');
        expect(await tab.evaluate(() => document.activeElement?.id)).toBe('title');
        expect(await tab.locator('#live').textContent()).toContain('Your picture has arrived');
      });
      expect(await stateOf(link)).toMatchObject({ status: 'uploaded', content_type: 'image/jpeg' });
    });

    test.each(['drop', 'paste'] as const)('a picture can come by %s', async (way) => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await tab.evaluate(
          ({ how, base64 }) => {
            const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'dropped.jpg', { type: 'image/jpeg' }));
            const zone = document.querySelector('.zone') as HTMLElement;
            const event =
              how === 'drop'
                ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
                : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
            zone.dispatchEvent(event);
          },
          { how: way, base64: photo.toString('base64') },
        );
        await tab.getByText('dropped.jpg', { exact: true }).waitFor();
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
      expect(await stateOf(link)).toMatchObject({ status: 'uploaded', bytes: photo.length });
    });

    test('a phone offers its camera', async () => {
      const link = await makeLink();
      await opened(link, PHONE, async (tab) => {
        const [chooser] = await Promise.all([
          tab.waitForEvent('filechooser'),
          tab.getByText('Take a photo').tap(),
        ]);
        expect(await chooser.element().getAttribute('capture')).toBe('environment');
        await chooser.setFiles({ name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: photo });
        await tab.getByText('IMG_1.jpg', { exact: true }).waitFor();
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('what cannot be sent is told at once, in a sentence, and another can be chosen', async () => {
      const link = await makeLink({ types: ['image/jpeg'], max_bytes: photo.length });
      await opened(link, {}, async (tab) => {
        const alert = tab.getByRole('alert');
        await send(tab);
        await expect.poll(() => alert.textContent()).toBe('Choose a picture first.');
        await choose(tab, Buffer.from('no picture'), 'notes.txt', 'text/plain');
        await expect.poll(() => alert.textContent()).toMatch(/not a picture .* JPEG\./);
        await choose(tab, Buffer.concat([photo, Buffer.alloc(1)]));
        await expect.poll(() => alert.textContent()).toMatch(/too large/);
        await choose(tab, await picture(64, 64).png().toBuffer(), 'wrong-ending.jpg', 'image/jpeg');
        await expect.poll(() => alert.textContent()).toMatch(/kind of picture .* JPEG\./);
        expect(await stateOf(link)).toMatchObject({ status: 'pending' });
        await picked(tab, photo);
        await expect.poll(() => alert.textContent()).toBe('');
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('a picture whose name lies is sent as what it is', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await picked(tab, await picture(64, 64).webp().toBuffer(), 'really-webp.jpg', 'image/jpeg');
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
      expect(await stateOf(link)).toMatchObject({ content_type: 'image/webp' });
    });

    test('what the service finds is told in its words', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await picked(tab, photo.subarray(0, photo.length / 2));
        await send(tab);
        await expect.poll(() => tab.getByRole('alert').textContent()).toMatch(/\w+/);
        await tab.getByRole('button', { name: 'Try again' }).waitFor();
        await picked(tab, photo);
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('progress is shown, and can be stopped', async () => {
      const link = await makeLink();
      const large = await picture(1_600, 1_000, 3).png({ compressionLevel: 0 }).toBuffer();
      await opened(link, {}, async (tab) => {
        const network = await tab.context().newCDPSession(tab);
        await network.send('Network.enable');
        const speed = (uploadThroughput: number) =>
          network.send('Network.emulateNetworkConditions', {
            offline: false,
            latency: 0,
            downloadThroughput: -1,
            uploadThroughput,
          });
        // So slow that nobody is too late to stop it: all of it would take half a minute.
        await speed(large.length / 30);
        await picked(tab, large, 'large.png', 'image/png');
        await send(tab);
        await tab.waitForFunction(() => {
          const { value } = document.getElementById('bar') as HTMLProgressElement;
          return value > 5 && value < 95;
        });
        expect(await tab.getByRole('progressbar', { name: /^Sending: \d+ %$/ }).count()).toBe(1);
        await tab.getByRole('button', { name: 'Cancel' }).click();
        expect(await tab.evaluate(() => document.activeElement?.id)).toBe('send');
        expect(await stateOf(link)).toMatchObject({ status: 'pending' });
        await speed(-1);
        // What the browser still had of the canceled one may be faster than the button: then there is nothing left to send.
        const arrived = heading(tab, 'Your picture has arrived');
        await Promise.race([send(tab), arrived]);
        await arrived;
      });
      expect(await stateOf(link)).toMatchObject({ bytes: large.length });
    });

    test('a connection that breaks costs nothing but another try', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await picked(tab);
        await tab.context().setOffline(true);
        await send(tab);
        await expect.poll(() => tab.getByRole('alert').textContent()).toMatch(/connection broke/);
        await tab.context().setOffline(false);
        await tab.getByRole('button', { name: 'Try again' }).click();
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('a picture that arrived is not sent twice when its answer is lost', async () => {
      const link = await makeLink();
      let puts = 0;
      await opened(link, {}, async (tab) => {
        await tab.route(link.url, async (route) => {
          if (route.request().method() !== 'PUT') return route.continue();
          puts += 1;
          await through(route);
          await route.abort('connectionreset');
        });
        await picked(tab);
        await send(tab);
        await heading(tab, 'Your picture has arrived');
      });
      expect(puts).toBe(1);
    });

    /**
     * A line on which the picture arrives and its answer does not: then it breaks, or the sender cancels. `deaf`: no word
     * about the link comes back either, however often the page asks.
     */
    async function sentUnheard(
      tab: Tab,
      link: Link,
      { deaf, end }: { deaf: boolean; end: 'cancel' | 'break' },
    ) {
      const arrived = Promise.withResolvers<number>();
      let looks = 0;
      await tab.route(link.url, async (route) => {
        if (route.request().method() === 'PUT') {
          arrived.resolve((await through(route)).status());
          if (end === 'break') await route.abort('connectionreset');
        } else {
          await (deaf ? route.abort('connectionreset') : route.continue());
          looks++;
        }
      });
      await picked(tab);
      await send(tab);
      expect(await arrived.promise).toBe(201);
      if (end === 'cancel') await tab.getByRole('button', { name: 'Cancel' }).click();
      if (!deaf) return;
      await expect.poll(() => looks).toBeGreaterThan(0);
      // Whoever comes back to the page need not wait for its next look.
      await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      await expect.poll(() => looks).toBe(end === 'cancel' ? 2 : 1);
      await tab.unroute(link.url);
    }

    test('a picture that is canceled when all of it has left, and was taken, is shown as arrived', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await sentUnheard(tab, link, { deaf: false, end: 'cancel' });
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('also when another was chosen before that was known', async () => {
      const link = await makeLink({ job: { model: MODEL, prompt: 'zoom in' } });
      await opened(link, {}, async (tab) => {
        const [arrived, chosen] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        await tab.route(link.url, async (route) => {
          if (route.request().method() === 'PUT') {
            await through(route);
            arrived.resolve();
          } else {
            await chosen.promise;
            await route.continue();
          }
        });
        await picked(tab);
        await send(tab);
        await arrived.promise;
        await tab.getByRole('button', { name: 'Cancel' }).click();
        await picked(tab, await picture(64, 64).jpeg().toBuffer(), 'other.jpg');
        await tab.getByText('other.jpg', { exact: true }).waitFor();
        chosen.resolve();
        await heading(tab, 'Your video is ready');
        expect(await tab.getByRole('button', { name: 'Send the picture' }).isVisible()).toBe(false);
      });
    });

    test.each([
      ['canceled too late', 'cancel', 'Send the picture'],
      ['lost with its answer', 'break', 'Try again'],
    ] as const)('a picture that was %s is known when it is sent again', async (_, end, again) => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await sentUnheard(tab, link, { deaf: true, end });
        await tab.getByRole('button', { name: again }).click();
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('so is one that arrived when something in between said no', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await tab.route(link.url, async (route) => {
          await through(route);
          await route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' });
        });
        await picked(tab);
        await send(tab);
        const again = tab.getByRole('button', { name: 'Try again' });
        await again.waitFor();
        await tab.unroute(link.url);
        await again.click();
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('another picture than the one that was canceled too late is told that it came second', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await sentUnheard(tab, link, { deaf: true, end: 'cancel' });
        await picked(tab, await picture(64, 64).jpeg().toBuffer(), 'other.jpg');
        await send(tab);
        await heading(tab, 'A picture was sent already');
      });
    });

    test('a picture that this browser cannot show becomes a video all the same', async () => {
      const link = await makeLink({ job: { model: MODEL, prompt: 'zoom in' } });
      await opened(link, {}, async (tab) => {
        const rgb = await picture(64, 64).removeAlpha().raw().toBuffer();
        await picked(tab, makeHeic({ width: 64, height: 64, rgb }), 'photo.heic', 'image/heic');
        await send(tab);
        await heading(tab, 'Your video is ready');
      });
    });

    test('a link that somebody else used meanwhile says so', async () => {
      const link = await makeLink();
      await opened(link, {}, async (tab) => {
        await picked(tab);
        await fetch(link.url, { method: 'PUT', body: new Uint8Array(photo) });
        await send(tab);
        await heading(tab, 'A picture was sent already');
        await tab.getByRole('link', { name: 'See what became of it' }).click();
        await heading(tab, 'Your picture has arrived');
      });
    });

    test('leads on to the redirect_url', async () => {
      const link = await makeLink({ redirect_url: shopUrl });
      await opened(link, {}, async (tab) => {
        await picked(tab);
        await send(tab);
        await heading(tab, 'Thank you');
      });
    });

    test('a video that has to wait for its sender begins when they let it', async () => {
      const poor = await service.account({ credits: 0 });
      const answer = await fetch(`${service.url}/api/upload-links`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${poor.apiKey}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ job: { model: MODEL, prompt: 'waits for credits' } }),
      });
      const link = (await answer.json()) as Link;
      await opened(link, {}, async (tab) => {
        await picked(tab);
        await send(tab);
        await heading(tab, 'Your picture is safe');
        await service.admin.grant(poor.accountId, 100, link.upload_id);
        const started = await fetch(`${service.url}/api/upload-links/${link.upload_id}/submit`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${poor.apiKey}` },
        });
        expect(started.ok).toBe(true);
        await heading(tab, 'Your video is ready');
      });
    });
  });

  test('from a photo to a video that plays, and to the webhook that tells its sender', async () => {
    const verifier = new Webhook(await service.client.webhookSecret());
    const inbox = await openWebhookInbox(({ body, headers }) => verifier.verify(body, { ...headers }));
    const metadata = { order: 'A-1042', customer: 'Zoë' };
    const link = await makeLink({
      job: { model: MODEL, prompt: 'the waves come in' },
      webhook_url: inbox.url,
      metadata,
    });
    const played = await opened(link, PHONE, async (tab) => {
      await picked(tab);
      await send(tab);
      await heading(tab, 'Your video is ready');
      const video = tab.locator('video');
      const source = await video.getAttribute('src');
      const plays = await video.evaluate(async (player: HTMLVideoElement) => {
        if (player.canPlayType('video/mp4; codecs="avc1.42c01e, mp4a.40.2"') === '') return null;
        player.muted = true;
        await player.play();
        const from = player.currentTime;
        await new Promise<void>((resolve) => {
          player.ontimeupdate = () => player.currentTime > from + 0.2 && resolve();
        });
        return player.currentTime > from;
      });
      const [download] = await Promise.all([
        tab.waitForEvent('download'),
        tab.getByRole('link', { name: 'Download the video' }).click(),
      ]);
      expect(download.suggestedFilename()).toMatch(/\.mp4$/);
      return { source, plays };
    });
    expect(played.source).toMatch(/^\/files\//);
    if (played.plays === null) console.warn(`Not played: ${browser.version()} has no H.264.`);
    else expect(played.plays).toBe(true);

    const events = () => inbox.deliveries.map(({ body }) => JSON.parse(body));
    await expect
      .poll(
        () =>
          events()
            .map(({ type }) => type)
            .sort(),
        { timeout: 60_000 },
      )
      .toEqual(['job.completed', 'upload.completed']);
    expect(inbox.refused).toEqual([]);
    const { job_id } = await stateOf(link);
    for (const { type, data } of events()) {
      expect(data, type).toMatchObject({ job_id, metadata });
    }
    await inbox.close();
  });
});
