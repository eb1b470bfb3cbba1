/** SqliteReader: what one thread reads from the database over its own connection. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openReader } from './database.ts';
import type { ChangedKey, ListOptions, StoredRecord, Table } from './metadata-store.ts';
import type { RecordReader } from './protocol.ts';
import { tables } from './record-rules.ts';

interface Row {
  readonly key: string;
  readonly version: number;
  readonly body: Uint8Array;
  readonly mac: Uint8Array;
}

interface TableStatements {
  readonly get: StatementSync;
  readonly from: StatementSync;
  readonly after: StatementSync;
}

export class SqliteReader implements RecordReader, Disposable {
  readonly #database: DatabaseSync;
  readonly #tables: Readonly<Record<Table, TableStatements>>;
  readonly #changes: StatementSync;

  constructor(path: string) {
    this.#database = openReader(path);
    this.#tables = Object.fromEntries(
      tables.map((table) => [table, prepareTable(this.#database, table)]),
    ) as Record<Table, TableStatements>;
    this.#changes = this.#database.prepare(
      'SELECT sequence, record_table, key FROM change_log WHERE sequence > ? ORDER BY sequence, position',
    );
  }

  get(table: Table, key: string): StoredRecord | undefined {
    const row = this.#tables[table].get.get(key);
    return row && toRecord(table, row as unknown as Row);
  }

  list(table: Table, { prefix = '', after = '', limit }: ListOptions): StoredRecord[] {
    const { from, after: past } = this.#tables[table];
    // Keys with one prefix stand together, so the first without it ends the search.
    const beyondPrefix = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0;
    const rows = beyondPrefix ? past.iterate(after, limit) : from.iterate(prefix, limit);
    const records: StoredRecord[] = [];
    for (const row of rows as Iterable<unknown> as Iterable<Row>) {
      if (!row.key.startsWith(prefix)) break;
      records.push(toRecord(table, row));
    }
    return records;
  }

  changesSince(sequence: number, newest: number): ChangedKey[] | undefined {
    if (sequence === newest) return [];
    const rows = this.#changes.all(sequence);
    // Numbers have no gaps: when the next one is there, so are all after it.
    if (rows[0]?.sequence !== sequence + 1) return undefined;
    return rows.map((row) => ({
      sequence: Number(row.sequence),
      table: row.record_table as Table,
      key: String(row.key),
    }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function prepareTable(database: DatabaseSync, table: Table): TableStatements {
  const columns = 'key, version, body, mac';
  return {
    get: database.prepare(`SELECT ${columns} FROM record_${table} WHERE key = ?`),
    from: database.prepare(
      `SELECT ${columns} FROM record_${table} WHERE key >= ? ORDER BY key LIMIT ?`,
    ),
    after: database.prepare(
      `SELECT ${columns} FROM record_${table} WHERE key > ? ORDER BY key LIMIT ?`,
    ),
  };
}

function toRecord(table: Table, { key, version, body, mac }: Row): StoredRecord {
  return { table, key, version, body, mac };
}
