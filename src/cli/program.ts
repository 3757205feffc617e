/** The commands, put together. */

import { Command } from 'commander';
import { addAdmin } from './commands/admin.ts';
import { addAnimate } from './commands/animate.ts';
import { addDemo } from './commands/demo.ts';
import { addStart } from './commands/start.ts';
import type { Terminal } from './terminal.ts';

/** The program. `signal` is Ctrl-C: commands stop what they do, clean up and return or throw. */
export function program(terminal: Terminal, signal: AbortSignal): Command {
  const root = new Command('firstframe').description('An image-to-video API: run it, try it, operate it.');
  addStart(root, terminal, signal);
  addDemo(root, terminal, signal);
  addAnimate(root, terminal, signal);
  addAdmin(root, terminal);
  return root;
}
