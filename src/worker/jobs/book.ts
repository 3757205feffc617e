/** The book's one row, kept in memory: nobody but this object writes it. */

import { EMPTY_BOOK, type ShardBook } from '../accounts/float.ts';

/** What a shard remembers beside the book itself. */
export interface BookRow {
  readonly book: ShardBook;
  /** Of `book.returned`, what the account has acknowledged. */
  readonly returnedSeen: number;
  readonly lastUsedAt: number;
  /** Credits of the last job. */
  readonly lastPrice: number;
  /** The running hour, and the credits held in it. */
  readonly hourStart: number;
  readonly hourUsed: number;
}

/** The row of a shard that never had a credit. */
export const EMPTY_ROW: BookRow = {
  book: EMPTY_BOOK,
  returnedSeen: 0,
  lastUsedAt: 0,
  lastPrice: 0,
  hourStart: 0,
  hourUsed: 0,
};

interface BookColumns extends Record<string, SqlStorageValue> {
  received: number;
  returned: number;
  held: number;
  captured: number;
  releases: number;
  returned_seen: number;
  last_used_at: number;
  last_price: number;
  hour_start: number;
  hour_used: number;
}

export class BookTable {
  readonly #sql: SqlStorage;
  #row: BookRow | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The row. The schema makes it, so there always is one. */
  read(): BookRow {
    if (this.#row) return this.#row;
    const row = this.#sql.exec<BookColumns>('SELECT * FROM book').one();
    const { received, returned, held, captured, releases } = row;
    this.#row = {
      book: { received, returned, held, captured, releases },
      returnedSeen: row.returned_seen,
      lastUsedAt: row.last_used_at,
      lastPrice: row.last_price,
      hourStart: row.hour_start,
      hourUsed: row.hour_used,
    };
    return this.#row;
  }

  /** Remembers what another statement has written: {@link JobStore.takeIn}. */
  keep(row: BookRow): void {
    this.#row = row;
  }

  write(row: BookRow): void {
    const { book } = row;
    this.#sql.exec(
      `UPDATE book SET received = ?, returned = ?, held = ?, captured = ?, releases = ?, returned_seen = ?,
         last_used_at = ?, last_price = ?, hour_start = ?, hour_used = ?`,
      book.received,
      book.returned,
      book.held,
      book.captured,
      book.releases,
      row.returnedSeen,
      row.lastUsedAt,
      row.lastPrice,
      row.hourStart,
      row.hourUsed,
    );
    this.keep(row);
  }

  /** What was rolled back on disk must not stay in memory. */
  forget(): void {
    this.#row = undefined;
  }
}
