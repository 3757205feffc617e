/** `npm start` as a process on one data directory and one port, for tests that kill it. */

import { fileURLToPath } from 'node:url';
import { Client } from '../../src/cli/api/client.ts';
import { type LocalFile, readLocalFile } from '../../src/cli/local/local-file.ts';
import { identify } from '../../src/cli/serve/processes.ts';
import { startProcess, type TestProcess } from './process.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/firstframe.mjs', import.meta.url));
/** Preloaded with `--import`, it makes a service's frames small. */
export const SMALL_FRAMES = new URL('./small-frames.ts', import.meta.url).href;

/** The last line that `npm start` prints when it is ready. */
const READY = /^Ctrl-C stops everything/;

/** What to start. */
export interface ServiceProcessOptions {
  readonly dataDir: string;
  readonly port: number;
  /** Frames of the size that was asked for, in place of small ones. */
  readonly fullSize?: boolean;
}

/** A service in a process of its own, that answers. */
export interface ServiceProcess extends TestProcess {
  readonly file: LocalFile;
  /** Of the demo account. */
  readonly client: Client;
  /** The processes that render now: Node, and FFmpeg below it. */
  renders(): Promise<number[]>;
  /** The Workers runtimes below it. */
  runtimes(): Promise<number[]>;
}

/** Starts the service and waits until it answers. Whoever starts it ends it. */
export async function startServiceProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const { dataDir, port, fullSize = false } = options;
  const started = startProcess(process.execPath, [
    ...(fullSize ? [] : ['--import', SMALL_FRAMES]),
    ...[MAIN, 'start', '--data', dataDir, '--port', String(port)],
  ]);
  try {
    await started.line(READY);
    const file = await readLocalFile(dataDir);
    if (!file) throw new Error('There is no local.json.');
    const below = async (command: RegExp) => {
      const members = await Promise.all((await started.tree()).map(identify));
      return members.flatMap((member) => (member && command.test(member.command) ? [member.pid] : []));
    };
    return {
      ...started,
      file,
      client: new Client(file.url, file.api_key),
      renders: () => below(/\/render\/child\.ts|\bpipe:0\b/),
      runtimes: () => below(/workerd(\.exe)? serve\b/),
    };
  } catch (thrown) {
    await started.killTree();
    throw thrown;
  }
}
