import { describe, expect, it } from 'vitest';
import {
  isRegion,
  type Place,
  REGIONS,
  type Region,
  regionLetter,
  regionOf,
  regionOfLetter,
} from '../../src/worker/region.ts';

/** City, continent, degrees east, region. */
const CITIES: readonly [string, string, number, Region][] = [
  ['Honolulu', 'NA', -157.9, 'wnam'],
  ['Anchorage', 'NA', -149.9, 'wnam'],
  ['San Francisco', 'NA', -122.4, 'wnam'],
  ['Denver', 'NA', -105, 'wnam'],
  ['Mexico City', 'NA', -99.1, 'enam'],
  ['Chicago', 'NA', -87.6, 'enam'],
  ['New York', 'NA', -74, 'enam'],
  ['Nuuk', 'NA', -51.7, 'enam'],
  ['São Paulo', 'SA', -46.6, 'sam'],
  ['Lima', 'SA', -77, 'sam'],
  ['Reykjavík', 'EU', -21.9, 'weur'],
  ['Lisbon', 'EU', -9.1, 'weur'],
  ['Berlin', 'EU', 13.4, 'weur'],
  ['Warsaw', 'EU', 21, 'eeur'],
  ['Helsinki', 'EU', 24.9, 'eeur'],
  ['Lagos', 'AF', 3.4, 'afr'],
  ['Cape Town', 'AF', 18.4, 'afr'],
  ['Istanbul', 'AS', 29, 'me'],
  ['Dubai', 'AS', 55.3, 'me'],
  ['Karachi', 'AS', 67, 'apac'],
  ['Singapore', 'AS', 103.8, 'apac'],
  ['Tokyo', 'AS', 139.7, 'apac'],
  ['Sydney', 'OC', 151.2, 'oc'],
  ['Apia', 'OC', -171.8, 'oc'],
  ['McMurdo', 'AN', 166.7, 'oc'],
];

describe('a caller', () => {
  it.each(CITIES)('in %s (%s, %d°) belongs to %s', (_, continent, longitude, region) => {
    expect(regionOf({ continent, longitude })).toBe(region);
  });

  it.each<[Place, Region]>([
    [{ continent: 'NA' }, 'enam'],
    [{ continent: 'EU' }, 'weur'],
    [{ continent: 'AS' }, 'apac'],
    [{ continent: 'NA', longitude: -100 }, 'enam'],
    [{ continent: 'NA', longitude: -100.001 }, 'wnam'],
    [{ continent: 'EU', longitude: 15 }, 'weur'],
    [{ continent: 'EU', longitude: 15.001 }, 'eeur'],
    [{ continent: 'AS', longitude: 59.999 }, 'me'],
    [{ continent: 'AS', longitude: 60 }, 'apac'],
    [{}, 'enam'],
    [{ continent: 'T1' }, 'enam'],
    [{ continent: 'eu' }, 'enam'],
    [{ longitude: 10, country: 'DE' }, 'enam'],
  ])('of whom less is known has a region too: %j', (place, region) => {
    expect(regionOf(place)).toBe(region);
  });
});

describe('a region', () => {
  it('has one letter of its own, for ever', () => {
    // In ids that customers hold: none may ever change.
    expect(REGIONS.map((region) => [region, regionLetter(region)])).toEqual([
      ['wnam', 'w'],
      ['enam', 'e'],
      ['sam', 's'],
      ['weur', 'u'],
      ['eeur', 'x'],
      ['apac', 'p'],
      ['oc', 'o'],
      ['afr', 'f'],
      ['me', 'm'],
    ]);
    for (const region of REGIONS) expect(regionOfLetter(regionLetter(region))).toBe(region);
  });

  it('is none of other letters and texts', () => {
    for (const letter of ['', 'a', 'W', 'ww', '0']) expect(regionOfLetter(letter)).toBeNull();
    for (const region of REGIONS) expect(isRegion(region)).toBe(true);
    for (const text of ['', 'WEUR', 'eu', 'weur ', 'apac-ne']) expect(isRegion(text)).toBe(false);
  });
});
