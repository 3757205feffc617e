/**
 * `npm run bench [-- --rounds 45 --seconds 0.25]`: our submit and status beside two floors, all served in the same way
 * (workerd, Miniflare's direct socket) in one run, interleaved in short slices, so that what the machine does meets all
 * of them: on a shared one its pace changes from one second to the next.
 *
 * Each Worker has a workerd process of its own: our pump goes on working while a floor is measured, and sharing an
 * event loop with it would slow the floors and flatter us.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../../src/cli/serve/ports.ts';
import { listenerOf } from '../../src/cli/serve/processes.ts';
import { serveWorker } from '../../src/cli/serve/serve.ts';
import { temporaryDir } from '../support/dirs.ts';
import { startService, upstreamAt } from '../support/service.ts';
import { cpuMs } from './cpu.ts';
import { load, type Target } from './load.ts';
import { type Measurement, table } from './table.ts';

const CONCURRENCIES = [1, 16];
/** More than a run can spend: a refused submit would end it. */
const CREDITS = 100_000_000;
const WARM_UP_S = 1;
const PROMPT = 'The camera slowly pushes in over the still lake at dawn while mist drifts by.';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '45' }, seconds: { type: 'string', default: '0.25' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

/** Newest first to be asked for again: jobs that our own submits made. */
const jobs: string[] = [];

function floors(url: string): [Target, Target] {
  return [
    { name: 'floor 1: Hono', url: `${url}/bare`, method: 'GET', status: 200 },
    {
      name: 'floor 2: + object, 3 rows',
      url: `${url}/object`,
      method: 'POST',
      status: 202,
      body: (n) =>
        JSON.stringify({ prompt: `${PROMPT} ${n}`, image_url: 'https://images.example.com/lake.jpg' }),
    },
  ];
}

function ours(url: string, key: string): [Target, Target] {
  const headers = { Authorization: `Bearer ${key}` };
  return [
    {
      name: 'submit (polling)',
      url: `${url}/api/ltx-2.3-image-to-video`,
      method: 'POST',
      status: 202,
      headers,
      body: (n) =>
        JSON.stringify({
          prompt: `${PROMPT} ${n}`,
          image_url: 'https://images.example.com/lake.jpg',
          response_mode: 'polling',
        }),
      onBody: (text) => jobs.push((JSON.parse(text) as { job_id: string }).job_id),
    },
    {
      name: 'status',
      url,
      method: 'GET',
      status: 200,
      headers,
      path: (n) => `/api/fal/status/${jobs[n % jobs.length]}`,
    },
  ];
}

async function startUpstream(): Promise<{ url: string; process: ChildProcess }> {
  const script = fileURLToPath(new URL('./slow-upstream.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { url, process: child };
}

/** A target and the port of the process that serves it. */
interface Placed {
  readonly target: Target;
  readonly port: number;
}

async function measure({ target, port }: Placed, connections: number, round: string): Promise<Measurement> {
  const pid = await listenerOf(port);
  const before = await cpuMs(pid);
  const slice = await load(target, connections, seconds);
  return { name: target.name, connections, round, slice, cpuMs: (await cpuMs(pid)) - before };
}

async function main(): Promise<void> {
  const upstream = await startUpstream();
  const dir = await temporaryDir();
  const floorPort = await freePort();
  const floor = await serveWorker({
    dataDir: dir.path,
    port: floorPort,
    configPath: fileURLToPath(new URL('./floor/wrangler.toml', import.meta.url)),
    vars: {},
  });
  const service = await startService({ upstream: upstreamAt(upstream.url), credits: CREDITS });
  try {
    const targets = [
      ...floors(floor.url).map((target) => ({ target, port: floorPort })),
      ...ours(service.url, service.apiKey).map((target) => ({ target, port: service.port })),
    ];
    console.log(
      `load of the machine before: ${loadavg()
        .map((n) => n.toFixed(2))
        .join(' ')}`,
    );
    const [bare, floor2, submit, status] = targets as [Placed, Placed, Placed, Placed];
    const measured: Measurement[] = [];
    // Submit first, and with floors of its own: whoever asks for a status makes the pump look upstream, job by job, and
    // goes on doing so while the next submit is measured, which is no part of what a submit costs.
    for (const phase of [
      [bare, floor2, submit],
      [bare, floor2, status],
    ]) {
      for (const { target } of phase) await load(target, 4, WARM_UP_S);
      for (let round = 0; round < rounds; round++) {
        for (const connections of CONCURRENCIES) {
          for (const placed of phase)
            measured.push(await measure(placed, connections, `${phase.at(-1)?.target.name} ${round}`));
        }
      }
      console.log(`${phase.at(-1)?.target.name}: ${rounds} rounds`);
    }
    const floorName = floor2.target.name;
    for (const connections of CONCURRENCIES) {
      console.log(`\nconcurrency ${connections}, medians of ${rounds} × ${seconds} s`);
      console.log(
        table(
          measured,
          connections,
          targets.map(({ target }) => target.name),
          floorName,
        ),
      );
    }
    console.log(`\n${jobs.length} jobs submitted; upstream accepts after 1 s and never finishes`);
  } finally {
    await service.close();
    await floor.close();
    await dir.remove();
    upstream.process.stdin?.end();
  }
}

await main();
