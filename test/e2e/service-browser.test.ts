/** The link of a finished video, put into a page, plays in a browser and can be wound. */

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser } from '../support/commands.ts';
import { dataUri, picture } from '../support/pictures.ts';
import { startService, type TestService } from '../support/service.ts';
import { SMALL_FRAME, startRender } from '../support/small-renderer.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const noBrowser = await withoutBrowser();

describe.skipIf(noBrowser !== null)('in Chromium', () => {
  let service: TestService;
  let browser: Browser;
  let link = '';

  beforeAll(async () => {
    service = await startService({ upstream: { kind: 'engine', startRender } });
    const { client } = service;
    const { job_id } = await client.submit('ltx-2.3-image-to-video', {
      prompt: 'slow zoom in',
      image_url: dataUri(await picture(640, 360).png().toBuffer()),
    });
    const job = await client.status(job_id, 60);
    if (job.status !== 'completed') throw new Error(JSON.stringify(job));
    link = job.result.video.url;
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await service.close();
  });

  test('it is asked for by ranges, plays, and goes on from where it is wound to', async () => {
    const tab = await browser.newPage();
    const answers: { status: number; range: string | undefined; type: string | undefined }[] = [];
    tab.on('response', (response) => {
      if (response.url() !== link) return;
      const { 'content-range': range, 'content-type': type } = response.headers();
      answers.push({ status: response.status(), range, type });
    });
    await tab.setContent('<video muted playsinline></video>');
    const seen = await tab.evaluate(async (source) => {
      const video = document.querySelector('video') as HTMLVideoElement;
      const next = (event: string) =>
        new Promise<void>((resolve, reject) => {
          video.addEventListener(event, () => resolve(), { once: true });
          video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true });
        });
      if (video.canPlayType('video/mp4; codecs="avc1.42c01e, mp4a.40.2"') === '') {
        // Built without H.264: it asks, and finds that it cannot play.
        video.src = source;
        await new Promise((resolve) => video.addEventListener('error', resolve, { once: true }));
        return null;
      }
      const loaded = next('loadeddata');
      video.src = source;
      await loaded;
      const shown = { width: video.videoWidth, height: video.videoHeight, duration: video.duration };
      await video.play();
      const [wound, over] = [next('seeked'), next('ended')];
      video.currentTime = 5;
      await wound;
      await over;
      return { ...shown, end: video.currentTime };
    }, link);
    await tab.close();
    expect(answers[0]).toMatchObject({
      status: 206,
      range: expect.stringMatching(/^bytes 0-/),
      type: 'video/mp4',
    });
    if (seen === null) return console.warn(`Not played: ${browser.version()} has no H.264.`);
    expect(seen).toEqual({ ...SMALL_FRAME, duration: expect.closeTo(6, 1), end: expect.closeTo(6, 1) });
  });
});
