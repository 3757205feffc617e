/** Where a request comes from. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { isRegion, type Region, regionOf } from '../region.ts';

/** In local mode and tests the caller chooses its place on earth by this header. */
const REGION_HEADER = 'X-Firstframe-Region';

/** The region that serves this caller. */
export function requestRegion(c: Context<App>): Region {
  const chosen = c.get('config').LOCAL_MODE ? c.req.header(REGION_HEADER) : undefined;
  if (chosen !== undefined && isRegion(chosen)) return chosen;
  const cf = c.req.raw.cf as IncomingRequestCfProperties | undefined;
  const longitude = cf?.longitude === undefined ? undefined : Number(cf.longitude);
  return regionOf({
    continent: cf?.continent,
    longitude: Number.isFinite(longitude) ? longitude : undefined,
  });
}
