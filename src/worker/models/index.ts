/** The catalogue: every model that this service offers. */

import { ltx23ImageToVideo } from './ltx-2.3-image-to-video.ts';
import type { Model } from './model.ts';

/** In the order of the docs. */
export const MODELS: readonly Model[] = [ltx23ImageToVideo];

/** The model with this id, or null. */
export function modelOf(id: string): Model | null {
  return MODELS.find((model) => model.id === id) ?? null;
}
