/** Ports: a free one, whether one is free, and a clear word about who holds it. */

import { createServer } from 'node:net';
import { CliError } from '../errors.ts';
import { identify, listenerOf } from './processes.ts';

/** A port that was free a moment ago. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const port = await tryListen(0, host);
  if (port === null) throw new CliError(`No free port on ${host}.`);
  return port;
}

/** Whether something can listen on `port` now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await tryListen(port, host)) !== null;
}

/** Listens and closes again. The port, or null when it is taken. */
function tryListen(port: number, host: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else
        reject(new CliError(`Port ${port} on ${host} cannot be used: ${error.message}.`, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
    });
  });
}

/**
 * Says who holds `port` when somebody does.
 * @throws {CliError} that names the process, where the system tells it, and what to do.
 */
export async function requireFreePort(port: number, host: string, use: string): Promise<void> {
  if (await isPortFree(port, host)) return;
  const pid = await listenerOf(port);
  const holder = pid === null ? null : await identify(pid);
  const isWorkerd = holder !== null && /(^|\/)workerd(\.exe)? serve\b/.test(holder.command);
  const who = holder ? `process ${holder.pid} (${shorten(holder.command)})` : 'another process';
  throw new CliError(`Port ${port}, ${use}, is held by ${who}.`, {
    hint: isWorkerd
      ? `That is a Workers runtime, perhaps left behind by a service that was killed. If no service of yours uses it: kill ${holder.pid}. Or choose another port with --port.`
      : 'End that process, or choose another port with --port.',
  });
}

/** A command line short enough for one line of a terminal. */
function shorten(command: string): string {
  const limit = 60;
  return command.length <= limit ? command : `${command.slice(0, limit)}…`;
}
