/** Ports for services that are killed and started again on the same ones. */

import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isPortFree } from '../../src/cli/serve/ports.ts';

/** Below are ports that programs on a developer's machine like to use. */
const LOWEST = 10_240;
/** Where the system's own choice begins when it does not tell. */
const DEFAULT_EPHEMERAL = 32_768;
/** So many of tens of thousands are never taken all. */
const TRIES = 100;

/**
 * A port that is free, as the one after it, where a service's engine goes; and that nobody is given by chance while the
 * service is down. Ports of the range from which the system chooses are: Linux gives odd ones to who listens on any
 * port, and even ones to outgoing connections, and for a minute after such a connection nobody can listen on its port.
 */
export async function lastingPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const ephemeral = Number.parseInt(range, 10) || DEFAULT_EPHEMERAL;
  for (let i = 0; i < TRIES; i++) {
    const port = randomInt(LOWEST, ephemeral - 1);
    if ((await isPortFree(port)) && (await isPortFree(port + 1))) return port;
  }
  throw new Error(`No two free ports in a row from ${LOWEST} to ${ephemeral}.`);
}
