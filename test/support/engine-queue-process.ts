/**
 * The engine as a process that tests kill. Renders need no pixels: `hold` as the prompt's first word never ends, any
 * other ends at once. Arguments: data directory, renders at a time, port.
 */

import { writeFileSync } from 'node:fs';
import type { RenderOutcome, StartRender } from '../../src/engine/contract.ts';
import { startEngine } from '../../src/engine/index.ts';

const [, , dataDir = '', concurrency = '1', port = '0'] = process.argv;

const startRender: StartRender = (request, { outputPath }) => {
  const { promise, resolve } = Promise.withResolvers<RenderOutcome>();
  writeFileSync(`${outputPath}.part`, 'half');
  if (request.prompt !== 'hold' || process.env.RELEASE === '1') {
    writeFileSync(outputPath, 'whole');
    const file = { path: outputPath, bytes: 5, width: 16, height: 9, fps: 25, duration: 6, frames: 150 };
    resolve({ kind: 'done', file });
  }
  return { outcome: promise, cancel: () => resolve({ kind: 'canceled' }), pid: undefined };
};

const engine = await startEngine({
  dataDir,
  port: Number(port),
  concurrency: Number(concurrency),
  startRender,
});
process.stdout.write(`${JSON.stringify({ url: engine.url })}\n`);
process.on('SIGTERM', () => void engine.close());
