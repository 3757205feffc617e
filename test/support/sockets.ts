/** A sender that writes HTTP by hand, and sees how much of it was taken. Linux: the kernel's tables tell what lies between. */

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** A connection to a port of this machine. */
export class Sender {
  readonly socket: Socket;
  /** What came back, as Latin-1. */
  answer = '';
  closed = false;
  /** Bytes given to the socket. */
  sent = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.answer += data.toString('latin1');
    });
    socket.on('close', () => {
      this.closed = true;
    });
    // A receiver that has had enough resets the connection: that is an end like another.
    socket.on('error', () => {
      this.closed = true;
    });
  }

  static open(port: number): Promise<Sender> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Sender(socket)));
    });
  }

  /** Gives bytes to the socket, and resolves when the receiving process has read all of them, answered or hung up. */
  async write(bytes: Uint8Array | string): Promise<void> {
    this.sent += bytes.length;
    this.socket.write(bytes);
    while (!this.answered && this.#onTheWay() > 0) await setImmediate();
  }

  get answered(): boolean {
    return this.answer !== '' || this.closed;
  }

  /** The status of the answer, once its head has come. Null when the connection ended without one. */
  async status(): Promise<number | null> {
    while (!this.closed && !this.answer.includes('\r\n\r\n')) await setImmediate();
    return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.answer)?.[1] ?? Number.NaN) || null;
  }

  /** Bytes that this process has given away and the other has not read: in Node, and in both kernels' queues. */
  #onTheWay(): number {
    const { localPort = 0, remotePort = 0, writableLength } = this.socket;
    return writableLength + queued(localPort, remotePort).sending + queued(remotePort, localPort).received;
  }
}

/** The queues of a connection's one end. */
function queued(local: number, remote: number): { sending: number; received: number } {
  const [from, to] = [local, remote].map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const [, own = '', other = '', , queues = ''] = line.trim().split(/\s+/);
      if (!own.endsWith(from as string) || !other.endsWith(to as string)) continue;
      const [sending = '0', received = '0'] = queues.split(':');
      return { sending: Number.parseInt(sending, 16), received: Number.parseInt(received, 16) };
    }
  }
  return { sending: 0, received: 0 };
}
