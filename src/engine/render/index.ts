/**
 * The renderer: a still image, or two, and a prompt become an MP4 in a child process.
 *
 * @module
 */

import type { StartRender } from '../contract.ts';
import { startProcess } from './process.ts';

export { type Ffmpeg, findFfmpeg, NoFfmpegError } from './ffmpeg.ts';

/** Starts a render in a child process. The outcome never rejects; a render that is not `done` leaves no file. */
export const startRender: StartRender = (request, options) => startProcess({ request }, options);
