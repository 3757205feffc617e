/** The local engine: fal's queue and a renderer behind it, for a laptop and for CI. */

export type { Engine, EngineLogEntry, EngineOptions, StartEngine, StartRender } from './contract.ts';
export { startEngine } from './server/start.ts';
