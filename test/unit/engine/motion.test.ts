import { describe, expect, test } from 'vitest';
import { type Motion, readMotion } from '../../../src/engine/render/motion.ts';

const STILL: Motion = { zoom: 'none', x: 0, y: 0, arc: false, handheld: false, speed: 'normal' };
const GENTLE: Motion = { ...STILL, zoom: 'in', speed: 'slow' };
const zoomIn: Motion = { ...STILL, zoom: 'in' };
const zoomOut: Motion = { ...STILL, zoom: 'out' };
const left: Motion = { ...STILL, x: -1 };
const right: Motion = { ...STILL, x: 1 };
const up: Motion = { ...STILL, y: -1 };
const down: Motion = { ...STILL, y: 1 };
const orbit: Motion = { ...STILL, zoom: 'in', x: 1, arc: true };
const hand: Motion = { ...STILL, handheld: true };

const cases: Record<string, readonly (readonly [prompt: string, motion: Motion])[]> = {
  'nothing said of the camera: a gentle push-in': [
    ['', GENTLE],
    ['Gentle waves at sunset', GENTLE],
    ['A panda eats bamboo in a panorama of hills', GENTLE],
    ['A frying pan on the left of the stove', GENTLE],
    ['She tilts her head and smiles', GENTLE],
    ['He still waits while snow falls', GENTLE],
    ['Static electricity lifts her hair', GENTLE],
    ['A boat drifts left across the lake', GENTLE],
    ['He pulls back the curtain', GENTLE],
    ['The moon orbits the planet', GENTLE],
    ['no motion blur', GENTLE],
    ['no people, no text', GENTLE],
    ['Die Kamera fährt langsam nach links', GENTLE],
    ['镜头缓慢推进', GENTLE],
  ],
  zooms: [
    ['zoom in', zoomIn],
    ['The camera zooms in on her face', zoomIn],
    ['zooming', zoomIn],
    ['ZOOM OUT!', zoomOut],
    ['camera zooms slowly out', { ...zoomOut, speed: 'slow' }],
    ['slow zoom', { ...zoomIn, speed: 'slow' }],
    ['a quick zoom-in', { ...zoomIn, speed: 'fast' }],
  ],
  'pushes, pulls and dollies': [
    ['push in', zoomIn],
    ['slow push-in on the subject', { ...zoomIn, speed: 'slow' }],
    ['The camera pushes forward', zoomIn],
    ['dolly in', zoomIn],
    ['dolly shot', zoomIn],
    ['Dolly out to reveal the room', zoomOut],
    ['Pull back to reveal the city', zoomOut],
    ['the camera pulls away', zoomOut],
    ['dolly left', left],
    ['camera moves closer', zoomIn],
    ['the camera travels backwards', zoomOut],
  ],
  'pans and trucks': [
    ['pan left', left],
    ['The camera pans slowly to the right', { ...right, speed: 'slow' }],
    ['pan from left to right', right],
    ['panning from the right to the left', left],
    ['camera pan', right],
    ['slow pan across the valley', { ...right, speed: 'slow' }],
    ['truck left', left],
    ['The camera slides right', right],
    ['tracking shot', GENTLE],
    ['whip pan left', { ...left, speed: 'fast' }],
  ],
  'tilts, cranes and rises': [
    ['tilt up', up],
    ['tilts down slowly', { ...down, speed: 'slow' }],
    ['camera tilt', up],
    ['crane up over the rooftops', up],
    ['pedestal down', down],
    ['the camera rises', up],
    ['The drone descends', down],
  ],
  orbits: [
    ['orbit around the statue', orbit],
    ['The camera circles the car', orbit],
    ['slow orbital shot', { ...orbit, speed: 'slow' }],
    ['camera orbits left', { ...orbit, x: -1 }],
    ['arc shot', orbit],
  ],
  handheld: [
    ['handheld', hand],
    ['hand-held camera', hand],
    ['shaky cam footage', hand],
    ['Hand held, push in slowly', { ...zoomIn, handheld: true, speed: 'slow' }],
    ['He shakes the bottle. Pan left.', left],
  ],
  still: [
    ['static', STILL],
    ['static shot', STILL],
    ['The camera is static', STILL],
    ['camera stays still', STILL],
    ['fixed camera, people walk by', STILL],
    ['locked-off camera', STILL],
    ['tripod shot', STILL],
    ['no camera movement', STILL],
    ['without any camera motion', STILL],
    ["The camera doesn't move", STILL],
    ['the camera does not move at all', STILL],
    ['static camera, a man pans for gold', STILL],
    ['no movement', STILL],
  ],
  negations: [
    ['no zoom', STILL],
    ['without zooming', STILL],
    ["don't zoom", STILL],
    ['no zoom, pan left', left],
    ['no zoom but pan left', left],
    ['no zoom, pan or tilt', STILL],
    ['pan right, no zoom', right],
    ['avoid panning; zoom out', zoomOut],
    ['no panning', GENTLE],
    ['Not static: handheld', hand],
    ['not handheld', GENTLE],
    ['no people walk here and the camera zooms out', zoomOut],
    ['not only zoom in', zoomIn],
  ],
  'several at once': [
    ['pan left and tilt up', { ...STILL, x: -1, y: -1 }],
    ['The camera zooms in while panning right', { ...zoomIn, x: 1 }],
    ['zoom in, then zoom out', zoomIn],
    ['A fast car passes, the camera slowly zooms in', { ...zoomIn, speed: 'slow' }],
    ['a slow river; pan left', left],
  ],
};

for (const [title, rows] of Object.entries(cases)) {
  describe(title, () => {
    test.each(rows)('%j', (prompt, motion) => {
      expect(readMotion(prompt)).toEqual(motion);
    });
  });
}

test('a prompt of the greatest length is read', () => {
  expect(readMotion('zoom no , '.repeat(500))).toMatchObject({ zoom: 'in' });
});
