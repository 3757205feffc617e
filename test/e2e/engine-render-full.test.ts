import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RenderRequest } from '../../src/engine/contract.ts';
import { startRender } from '../../src/engine/render/index.ts';
import { dataUri, picture } from '../support/pictures.ts';
import { fileOf, type Scratch, scratch } from '../support/render.ts';
import { expectVideo } from '../support/render-video.ts';

/** A 2160p second takes two to four seconds; 20 s of video up to a minute, on a machine that does nothing else. */
const TIMEOUT = 600_000;

let directory: Scratch;
beforeEach(async () => {
  directory = await scratch();
});
afterEach(() => directory.remove());

async function expectRender(request: Partial<RenderRequest>, width: number, height: number): Promise<void> {
  const image_url = dataUri(await picture(1200, 800).jpeg().toBuffer());
  const whole: RenderRequest = {
    prompt: 'The camera slowly pushes in.',
    image_url,
    duration: 6,
    resolution: '1080p',
    aspect_ratio: 'auto',
    fps: 25,
    generate_audio: true,
    ...request,
  };
  const file = fileOf(await startRender(whole, { outputPath: directory.output() }).outcome);
  expect(file).toMatchObject({ width, height, fps: whole.fps, duration: whole.duration });
  await expectVideo(file, whole.generate_audio);
}

describe('each resolution, a second or less', () => {
  test('1080p', { timeout: TIMEOUT }, () => expectRender({ duration: 1 }, 1920, 1080));
  test('1440p, upright', { timeout: TIMEOUT }, () =>
    expectRender({ duration: 1, resolution: '1440p', aspect_ratio: '9:16', fps: 24 }, 1440, 2560),
  );
  test('2160p, from one image to another, without sound', { timeout: TIMEOUT }, async () => {
    const end_image_url = dataUri(await picture(800, 1200, 1).webp().toBuffer());
    await expectRender(
      { duration: 0.4, resolution: '2160p', generate_audio: false, end_image_url },
      3840,
      2160,
    );
  });
});

/** Everything that fal's endpoint takes: minutes of rendering. */
describe.runIf(process.env.SOAK)('every class at full size', () => {
  const sizes = { '1080p': [1920, 1080], '1440p': [2560, 1440], '2160p': [3840, 2160] } as const;
  const shapes = (['1080p', '1440p', '2160p'] as const).flatMap((resolution) =>
    (['16:9', '9:16'] as const).flatMap((aspect) =>
      [24, 25, 48, 50].map((fps) => [resolution, aspect, fps] as const),
    ),
  );

  test.each(shapes)(
    '%s %s at %i frames a second',
    { timeout: TIMEOUT },
    async (resolution, aspect_ratio, fps) => {
      const [long, short] = sizes[resolution];
      const [width, height] = aspect_ratio === '16:9' ? [long, short] : [short, long];
      await expectRender({ resolution, aspect_ratio, fps }, width, height);
    },
  );

  test.each([6, 8, 10, 12, 14, 16, 18, 20])('%i seconds', { timeout: TIMEOUT }, (duration) =>
    expectRender({ duration }, 1920, 1080),
  );

  test.each([8, 10])('2160p at 50 frames a second, %i seconds', { timeout: TIMEOUT }, (duration) =>
    expectRender({ duration, resolution: '2160p', fps: 50 }, 3840, 2160),
  );
});
