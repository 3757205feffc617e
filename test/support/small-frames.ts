/**
 * Preloaded with `--import`, this makes `npm start` render frames of a sixth of the size and is otherwise absent: the
 * engine gets the small renderer in place of its own when it loads it. Nothing in the product knows of it.
 */

import { registerHooks } from 'node:module';

const SMALL = new URL('./small-renderer.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const ofEngine = context.parentURL?.endsWith('/src/engine/server/start.ts') ?? false;
    return ofEngine && specifier === '../render/index.ts'
      ? { url: SMALL, shortCircuit: true }
      : next(specifier, context);
  },
});
