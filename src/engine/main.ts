/** The engine as a process of its own: `node src/engine/main.ts --data DIR [--port N] [--host H] [--concurrency N]`. */

import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startEngine } from './index.ts';

const argumentsSchema = z.object({
  data: z.string({ error: 'is required: the directory for queue and videos' }).min(1),
  port: z.coerce.number().int().min(0).max(65_535).default(0),
  host: z.string().min(1).default('127.0.0.1'),
  concurrency: z.coerce.number().int().min(1).max(64).default(1),
});

function readArguments(): z.infer<typeof argumentsSchema> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
      concurrency: { type: 'string' },
    },
  });
  const parsed = argumentsSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw new Error(
    parsed.error.issues.map((issue) => `--${issue.path.join('.')} ${issue.message}`).join('\n'),
  );
}

async function main(): Promise<void> {
  const { data, port, host, concurrency } = readArguments();
  const engine = await startEngine({ dataDir: data, port, host, concurrency });
  process.stdout.write(
    `${JSON.stringify({ url: engine.url, jwks_url: engine.jwksUrl, pid: process.pid })}\n`,
  );

  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1); // Asked twice: whoever asks does not want to wait.
    stopping = true;
    engine.close().catch(fail);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

main().catch(fail);
