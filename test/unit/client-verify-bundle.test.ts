/** What others import as `firstframe/webhooks`. */

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BUNDLE_FILE, bundleClient, bundleTypes, TYPES_FILE } from '../../src/client/build.ts';
import { temporaryDir } from '../support/dirs.ts';

// The compiler is started twice, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let dir: Awaited<ReturnType<typeof temporaryDir>>;
beforeAll(async () => {
  dir = await temporaryDir();
  await mkdir(join(dir.path, 'node_modules'));
  await symlink(ROOT, join(dir.path, 'node_modules/firstframe'), 'dir');
  await writeFile(join(dir.path, 'package.json'), '{"type":"module"}');
});
afterAll(() => dir.remove());

describe('the bundle', () => {
  it('is what its sources make (npm run build:client)', async () => {
    expect(await readFile(BUNDLE_FILE, 'utf8')).toBe(await bundleClient());
    expect(await readFile(TYPES_FILE, 'utf8')).toBe(await bundleTypes());
  });

  it('imports nothing, and nothing of one runtime', async () => {
    const script = await readFile(BUNDLE_FILE, 'utf8');
    expect(script).not.toMatch(/\bimport\b|\brequire\b|\bprocess\b|\bBuffer\b|\beval\b|\bnew Function\b/);
    expect(script).toMatch(/^[\x20-\x7e\n]+$/);
    expect(Buffer.byteLength(script)).toBeLessThan(20_000);
  });

  it('runs in Node out of node_modules', async () => {
    const code = `
      import vectors from 'firstframe/webhooks/vectors.json' with { type: 'json' };
      import { verifyWebhook, WebhookVerificationError } from 'firstframe/webhooks';
      const [{ headers, body, keys, now }] = vectors.vectors;
      const event = await verifyWebhook({ headers, body }, { secret: keys.secrets, now: now * 1000 });
      const error = await verifyWebhook({ headers, body }, { secret: keys.secrets }).catch((thrown) => thrown);
      console.log(JSON.stringify([event.id, error instanceof WebhookVerificationError, error.code]));`;
    await writeFile(join(dir.path, 'receiver.mjs'), code);
    const { stdout } = await run(process.execPath, ['receiver.mjs'], { cwd: dir.path });
    expect(JSON.parse(stdout)).toEqual(['msg_p5jXN8AQM9LWM0D4loKWxJek', true, 'too_old']);
  });

  it.each([
    ['the types of Node', 'nodenext', ['es2022'], ['node']],
    ['the types of browsers', 'bundler', ['es2022', 'dom'], []],
    ['the types of Workers', 'bundler', ['es2022'], ['@cloudflare/workers-types']],
  ])('has types that go with %s', async (_what, moduleResolution, lib, types) => {
    const code = `
      import { type VerifiedWebhook, type WebhookErrorCode, verifyWebhook, WebhookVerificationError } from 'firstframe/webhooks';
      type Job = { type: 'job.completed'; data: { job_id: string } } | { type: 'job.failed'; data: { error: string } };
      export async function hook(request: Request): Promise<Response> {
        try {
          const event: VerifiedWebhook<Job> = await verifyWebhook<Job>(request, {
            secret: ['whsec_a', 'whsec_b'], jwks: 'https://video.example.com/jwks.json', fetch,
          });
          const text: string = event.type === 'job.completed' ? event.data.job_id : event.data.error;
          return new Response(\`\${text} \${event.id} \${event.sentAt}\`);
        } catch (thrown) {
          if (!(thrown instanceof WebhookVerificationError)) throw thrown;
          const code: WebhookErrorCode = thrown.code;
          return new Response(code, { status: thrown.status });
        }
      }
      export const plain = (headers: Headers, body: Uint8Array) => verifyWebhook({ headers, body }, { publicKey: 'whpk_a' });
      // @ts-expect-error a body that was parsed cannot be verified
      export const parsed = (headers: Headers) => verifyWebhook({ headers, body: {} }, { secret: 'whsec_a' });
      // @ts-expect-error misspelt
      export const misspelt = (request: Request) => verifyWebhook(request, { secrets: 'whsec_a' });`;
    const name = `receiver-${types[0] ?? 'dom'}`.replaceAll(/[^a-z-]/g, '');
    await writeFile(join(dir.path, `${name}.ts`), code);
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        module: moduleResolution === 'nodenext' ? 'nodenext' : 'esnext',
        moduleResolution,
        target: 'es2022',
        lib,
        types,
        typeRoots: [join(ROOT, 'node_modules/@types'), join(ROOT, 'node_modules')],
        exactOptionalPropertyTypes: true,
      },
      files: [`${name}.ts`],
    };
    await writeFile(join(dir.path, `${name}.json`), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const checked = await run(process.execPath, [tsc, '-p', `${name}.json`], { cwd: dir.path }).catch(
      (failure: { stdout: string }) => failure,
    );
    expect(checked.stdout).toBe('');
  });
});
