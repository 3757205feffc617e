import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { mintAccountId } from '../../src/worker/ids.ts';
import { type Migration, migrate, upgrade } from '../../src/worker/migrate.ts';

const ONE: Migration = { id: 1, sql: 'CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);' };
const TWO: Migration = { id: 2, sql: "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'new';" };

function inEmptyObject(play: (storage: DurableObjectStorage) => void): Promise<void> {
  return runInDurableObject(env.ACCOUNTS.getByName(mintAccountId('weur')), (_, state) => play(state.storage));
}

const tables = ({ sql }: DurableObjectStorage) =>
  sql
    .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_*' ORDER BY name")
    .toArray()
    .map(({ name }) => name);

it('makes the schema when asked to, not before', () =>
  inEmptyObject((storage) => {
    expect(upgrade(storage, [ONE])).toBe(false);
    expect(tables(storage)).toEqual([]);
    migrate(storage, [ONE]);
    expect(upgrade(storage, [ONE])).toBe(true);
    expect(tables(storage)).toEqual(['a', 'schema_version']);
  }));

it('upgrades an old database, once, and keeps its rows', () =>
  inEmptyObject((storage) => {
    migrate(storage, [ONE]);
    expect(upgrade(storage, [ONE, TWO])).toBe(true);
    migrate(storage, [ONE, TWO]);
    expect(storage.sql.exec('SELECT * FROM a').toArray()).toEqual([{ x: 7, y: 'new' }]);
  }));

it('applies all that is missing, or nothing', () =>
  inEmptyObject((storage) => {
    migrate(storage, [ONE]);
    expect(() =>
      migrate(storage, [ONE, TWO, { id: 3, sql: 'CREATE TABLE b (x INTEGER); NONSENSE;' }]),
    ).toThrow();
    expect(tables(storage)).toEqual(['a', 'schema_version']);
    expect(storage.sql.exec('SELECT * FROM a').columnNames).toEqual(['x']);
    migrate(storage, [ONE, TWO]);
    expect(storage.sql.exec('SELECT * FROM a').columnNames).toEqual(['x', 'y']);
  }));

it('leaves the database of a newer release alone', () =>
  inEmptyObject((storage) => {
    migrate(storage, [ONE, TWO]);
    expect(upgrade(storage, [ONE])).toBe(true);
    migrate(storage, [ONE]);
    expect(upgrade(storage, [ONE, TWO])).toBe(true);
  }));

it('refuses a list with a gap', () =>
  inEmptyObject((storage) => {
    expect(() => migrate(storage, [TWO])).toThrow(TypeError);
    expect(() => migrate(storage, [ONE, ONE])).toThrow(TypeError);
    expect(tables(storage)).toEqual([]);
  }));
