/**
 * Where a request belongs: the caller's place on earth, as a Durable Object location hint. Pure.
 *
 * The nine hints are Cloudflare's (developers.cloudflare.com/durable-objects/reference/data-location). A region
 * decides which shard takes a submit, so that it crosses no ocean.
 */

/** Every location hint that we place objects by. `sam`, `afr` and `me` are placed nearby by Cloudflare. */
export const REGIONS = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'] as const;
export type Region = (typeof REGIONS)[number];

/** One letter a region, for use inside identifiers. Append-only: the letters are in ids that customers hold. */
const REGION_LETTERS = {
  wnam: 'w',
  enam: 'e',
  sam: 's',
  weur: 'u',
  eeur: 'x',
  apac: 'p',
  oc: 'o',
  afr: 'f',
  me: 'm',
} as const satisfies Record<Region, string>;

const REGION_OF_LETTER = new Map<string, Region>(REGIONS.map((region) => [REGION_LETTERS[region], region]));

/** Where the caller is, as Cloudflare reports it in `request.cf`; each part may be missing. */
export interface Place {
  /** Two-letter continent code: AF, AN, AS, EU, NA, OC, SA. */
  continent?: string | undefined;
  /** ISO 3166-1 alpha-2 country code. */
  country?: string | undefined;
  /** Degrees east, -180 to 180. */
  longitude?: number | undefined;
}

/** Used when nothing is known of the caller, as for a request from Tor. */
const DEFAULT_REGION: Region = 'enam';

/** North America is cut here: Denver (-105) is west, Chicago (-88) is east. Degrees east. */
const NORTH_AMERICA_CUT = -100;

/** Europe is cut here: Berlin (13.4) is west, Warsaw (21) is east. Degrees east. */
const EUROPE_CUT = 15;

/** Asia west of this is the Middle East: Dubai (55) is, Karachi (67) is not. Degrees east. */
const ASIA_CUT = 60;

/** The region that serves a caller at `place`. Total: an unknown place has a region too. */
export function regionOf(place: Place): Region {
  const { continent, longitude } = place;
  switch (continent) {
    case 'NA':
      return longitude !== undefined && longitude < NORTH_AMERICA_CUT ? 'wnam' : 'enam';
    case 'SA':
      return 'sam';
    case 'EU':
      return longitude !== undefined && longitude > EUROPE_CUT ? 'eeur' : 'weur';
    case 'AF':
      return 'afr';
    case 'AS':
      return longitude !== undefined && longitude < ASIA_CUT ? 'me' : 'apac';
    case 'OC':
    case 'AN':
      return 'oc';
    default:
      return DEFAULT_REGION;
  }
}

/** The letter that stands for `region` in identifiers. */
export function regionLetter(region: Region): string {
  return REGION_LETTERS[region];
}

/** The region that `letter` stands for, or null. */
export function regionOfLetter(letter: string): Region | null {
  return REGION_OF_LETTER.get(letter) ?? null;
}

/** Whether `text` is one of the nine regions. */
export function isRegion(text: string): text is Region {
  return (REGIONS as readonly string[]).includes(text);
}
