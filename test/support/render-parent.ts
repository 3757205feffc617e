/** A process that renders, to be killed: tells its child's process id, and each frame count, over IPC. */

import { startProcess } from '../../src/engine/render/process.ts';
import { picture } from './pictures.ts';

const [outputPath = ''] = process.argv.slice(2);
const image = await picture(640, 360).jpeg().toBuffer();
const render = startProcess(
  {
    request: {
      prompt: 'zoom in',
      image_url: `data:image/jpeg;base64,${image.toString('base64')}`,
      duration: 600,
      resolution: '1080p',
      aspect_ratio: '16:9',
      fps: 25,
      generate_audio: true,
    },
  },
  { outputPath, onProgress: (done) => process.send?.({ pid: render.pid, done }) },
);
