/** What `cloudflare:workers` gives to tests: our bindings, and the Worker under test as `exports.default`. */

declare namespace Cloudflare {
  interface Env extends Readonly<import('../../src/worker/env.ts').Env> {}
  interface GlobalProps {
    mainModule: typeof import('../../src/worker/index.ts');
  }
}
