/** Wiring only: the app, the cron run, and the exported classes. */

import { Account } from './accounts/account.ts';
import { createApp } from './app.ts';
import { Directory } from './directory/directory.ts';
import { configOf, type Env } from './env.ts';
import { JobShard } from './jobs/shard.ts';
import { sweepFiles } from './media/file-sweep.ts';
import { sweep } from './sweep.ts';

const app = createApp();

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    const config = configOf(env);
    await Promise.all([
      sweep(env, config, controller.scheduledTime, (line) => console.log(line)),
      sweepFiles(env, config, controller.scheduledTime),
    ]);
  },
} satisfies ExportedHandler<Env>;

export { Account, Directory, JobShard };
