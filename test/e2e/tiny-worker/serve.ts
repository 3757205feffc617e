/** Serves the tiny Worker on a claimed data directory until it is killed: `serve.ts DATA_DIR PORT`. */

import { fileURLToPath } from 'node:url';
import { claimDataDir } from '../../../src/cli/serve/data-dir.ts';
import { serveWorker } from '../../../src/cli/serve/serve.ts';

const [, , path = '', port = ''] = process.argv;
const dir = await claimDataDir(path);
const served = await serveWorker({
  dataDir: dir.path,
  port: Number(port),
  configPath: fileURLToPath(new URL('./wrangler.toml', import.meta.url)),
  vars: {},
  crons: false,
});
if (process.env.RECORD !== 'no') await dir.recordRuntime(served.url, Number(port));
console.log(`serving ${served.url}`);
