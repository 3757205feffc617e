/** The engine's renderer, whole, with small frames: a second of two cores for six seconds of video becomes a fifth. */

import type { StartRender } from '../../src/engine/contract.ts';
import { startProcess } from '../../src/engine/render/process.ts';

/** A sixth of 1080p on each side. */
export const SMALL_FRAME = { width: 320, height: 180 } as const;

/** Stands for `startRender` of the engine. */
export const startRender: StartRender = (request, options) =>
  startProcess({ request, landscape: SMALL_FRAME }, options);
