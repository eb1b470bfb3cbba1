/** The store writer's own part: files, restarts, refusals, full disks. The contract suite has the rest. */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { verifyAuditFile } from '../../../src/audit/verify.ts';
import { DataDirectoryError, lockDataDirectory } from '../../../src/store/data-directory.ts';
import { type Change, StoreUnavailableError } from '../../../src/store/metadata-store.ts';
import { openStoreClient } from '../../../src/store/store-client.ts';
import { readHead } from '../../../src/store/store-head.ts';
import { type StoreWriterOptions, startStoreWriter } from '../../../src/store/store-writer.ts';
import { workerUrl } from '../../../src/store/worker-url.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { sha256 } from '../audit/fixtures.ts';

const newDirectory = () => join(scratchDirectory(), 'data');

async function open(directory: string, options: Partial<StoreWriterOptions> = {}) {
  const lock = lockDataDirectory(directory);
  try {
    const writer = await startStoreWriter({ lock, deviceId: 'device', ...options });
    const store = openStoreClient(writer.connect());
    const close = async () => {
      await store[Symbol.asyncDispose]();
      await writer.close();
      lock.release();
    };
    return { lock, writer, store, [Symbol.asyncDispose]: close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function put(key: string, version = 1, size = 10): Change {
  return {
    kind: 'put',
    table: 'keys',
    key,
    version,
    body: new Uint8Array(size).fill(version),
    mac: new Uint8Array(32),
  };
}

const event = (id: string) => ({ eventId: id, requestId: 'r', timeMs: 1, region: 'eu-west-1' });

/** Hashes of the files whose content matters, by name. */
function fingerprints(directory: string): Record<string, string> {
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^(lock.*|holder.*|.*-shm)$/.test(entry.name))
    .map((entry) => entry.name);
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
    ]),
  );
}

/** The refusal, once it is sure that nothing was changed. */
async function refusalOf(directory: string, deviceId = 'device'): Promise<DataDirectoryError> {
  const before = fingerprints(directory);
  const error = await open(directory, { deviceId }).then(
    async (opened) => {
      await opened[Symbol.asyncDispose]();
      throw new Error('the directory was not refused');
    },
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(DataDirectoryError);
  // An empty file where nothing was is no change of anybody's data.
  expect(fingerprints(directory)).toMatchObject(before);
  return error;
}

/** A closed data directory with a few records and audit lines. */
async function used(): Promise<string> {
  const directory = newDirectory();
  await using opened = await open(directory);
  await opened.store.commit({ changes: [put('a')], audit: JSON.stringify(event('m1')) });
  await opened.store.append(event('a1'));
  await opened.store.commit({ changes: [put('b')], audit: JSON.stringify(event('m2')) });
  await opened.store.append(event('a2'));
  return directory;
}

describe('startStoreWriter', () => {
  it('keeps records, count, identity and audit numbers over restarts', async () => {
    const directory = newDirectory();
    const ids = new Set<string>();
    for (let start = 0; start < 4; start++) {
      await using opened = await open(directory);
      const { store, writer } = opened;
      ids.add(writer.directoryId);
      expect(writer.recovery).toMatchObject({
        tornBytes: 0,
        restoredRecords: 0,
        position: { sequence: 3 * start },
      });
      expect(store.sequence()).toBe(2 * start);
      if (start > 0) expect(await store.get('keys', 'k')).toMatchObject({ version: start });
      await store.commit({
        changes: [put('k', start + 1)],
        audit: JSON.stringify(event(`m${start}`)),
      });
      await store.append(event(`a${start}`));
      await store.commit({
        changes: [put(`only ${start}`)],
        audit: JSON.stringify(event(`n${start}`)),
      });
      expect(await store.changesSince(2 * start)).toHaveLength(2);
    }
    expect(ids.size).toBe(1);
    expect((await verifyAuditFile(join(directory, 'audit.jsonl'), sha256)).sequence).toBe(12);
    expect(readHead(join(directory, 'store.head'))).toEqual({ change: 8, audit: 12 });
  });

  it('makes files for their owner alone', async () => {
    await using opened = await open(newDirectory());
    await opened.store.commit({ changes: [put('k')] });
    const names = readdirSync(opened.lock.directory);
    expect(names).toEqual(
      expect.arrayContaining([
        'audit.jsonl',
        'store.head',
        'store.sqlite',
        'store.sqlite-wal',
        'store.sqlite-shm',
      ]),
    );
    for (const name of names)
      expect(statSync(join(opened.lock.directory, name)).mode & 0o777, name).toBe(0o600);
  });

  it('writes ahead, and its tables are strict', async () => {
    const directory = await used();
    using database = new DatabaseSync(join(directory, 'store.sqlite'));
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    const strict = database.prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
    );
    expect(strict.all()).toEqual([]);
  });

  it('syncs audit records by its schedule, or before each reply', async () => {
    const directory = newDirectory();
    await using opened = await open(directory, { auditSyncMs: 0 });
    await opened.store.append(event('e'));
    expect(readHead(join(directory, 'store.head'))?.audit).toBe(1);
    await using other = await open(newDirectory(), { auditSyncMs: 30 });
    await other.store.append(event('e'));
    await expect.poll(() => readHead(other.lock.path('head'))?.audit, { interval: 10 }).toBe(1);
  });

  it('keeps of the outbox what the log may lack, and the newest', async () => {
    const directory = await used();
    await using opened = await open(directory, { auditSyncMs: 20 });
    const { store, lock } = opened;
    const note = (id: string) => store.commit({ changes: [], audit: JSON.stringify(event(id)) });
    for (let i = 0; i < 50; i++) await note(`x${i}`);
    await expect.poll(() => readHead(lock.path('head'))?.audit, { interval: 10 }).toBe(54);
    await note('last');
    using database = new DatabaseSync(lock.path('database'), { readOnly: true });
    expect(database.prepare('SELECT sequence FROM audit_outbox').all()).toMatchObject([
      { sequence: 55 },
    ]);
  });

  it('tells when its thread has ended', async () => {
    const opened = await open(newDirectory());
    await opened[Symbol.asyncDispose]();
    expect(await opened.writer.ended).toBeUndefined();
    await opened.writer.close();
  });
});

describe('a full database', () => {
  it('refuses what does not fit, keeps what was there, takes what fits', async () => {
    const directory = newDirectory();
    {
      await using opened = await open(directory, { pageCountMax: 60 });
      const { store } = opened;
      await store.commit({ changes: [put('first')] });
      const outcomes = await Promise.allSettled([
        store.commit({ changes: [put('small 1')], audit: JSON.stringify(event('s1')) }),
        store.commit({
          changes: [put('other', 1, 1000), put('large', 1, 400_000)],
          audit: JSON.stringify(event('large')),
        }),
        store.commit({ changes: [put('small 2')], audit: JSON.stringify(event('s2')) }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailableError);
      expect(await store.get('keys', 'other')).toBeUndefined();
      expect(store.sequence()).toBe(3);
      await store.append(event('after'));
    }
    await using opened = await open(directory);
    expect((await opened.store.list('keys', { limit: 9 })).map(({ key }) => key)).toEqual([
      'first',
      'small 1',
      'small 2',
    ]);
    await opened.store.commit({ changes: [put('large', 1, 400_000)] });
    const ids: string[] = [];
    await verifyAuditFile(opened.lock.path('audit'), sha256, (line) =>
      ids.push(JSON.parse(line).event.eventId),
    );
    expect(ids).toEqual(['s1', 's2', 'after']);
  });
});

it('a data directory of version 1 gets what it lacks, and loses what was deleted in it', async () => {
  const directory = await used();
  const file = join(directory, 'store.sqlite');
  {
    using database = new DatabaseSync(file);
    database.exec('DROP TABLE record_aliases; DROP TABLE record_due; PRAGMA secure_delete = OFF');
    database.exec('UPDATE directory SET format_version = 1');
    const insert = database.prepare('INSERT INTO record_settings VALUES (?, 1, ?, ?)');
    for (let i = 0; i < 200; i += 1)
      insert.run(`k${i}`, Buffer.from('old secret '.repeat(50)), Buffer.alloc(32));
    database.exec("DELETE FROM record_settings WHERE key <> 'k7'; PRAGMA wal_checkpoint(TRUNCATE)");
    database.exec("UPDATE record_settings SET body = x'00'");
  }
  expect(readFileSync(file).includes('old secret')).toBe(true);
  {
    await using opened = await open(directory);
    expect(readFileSync(file).includes('old secret')).toBe(false);
    const bytes = { body: new Uint8Array(1), mac: new Uint8Array(1) };
    for (const table of ['aliases', 'due'] as const) {
      const record = { table, key: 'a', version: 1, ...bytes };
      await opened.store.commit({ changes: [{ kind: 'put', ...record }] });
      expect(await opened.store.get(table, 'a')).toMatchObject({ version: 1 });
    }
    expect(await opened.store.get('settings', 'k7')).toMatchObject({ version: 1 });
  }
  using database = new DatabaseSync(file, { readOnly: true });
  expect(database.prepare('SELECT format_version FROM directory').get()).toEqual({
    format_version: 2,
  });
});

it('scrubbing leaves nothing of deleted and replaced records in any file', async () => {
  const directory = newDirectory();
  await using opened = await open(directory);
  const { store } = opened;
  const needle = (i: number) => `needle ${i} `;
  const mac = new Uint8Array(32);
  // Short ones lie in a leaf of the tree, long ones in pages of their own.
  const body = (i: number) => Buffer.from(needle(i).repeat(i % 2 === 0 ? 5 : 600));
  const table = 'keys';
  for (let i = 0; i < 60; i += 1)
    await store.commit({
      changes: [{ kind: 'put', table, key: `k${i}`, version: 1, body: body(i), mac }],
    });
  const found = () =>
    readdirSync(directory).filter((name) =>
      readFileSync(join(directory, name)).includes('needle '),
    );
  expect(found()).toContain('store.sqlite-wal');
  for (let i = 0; i < 60; i += 1)
    await store.commit({
      changes: [
        i % 3 === 0
          ? { kind: 'put', table, key: `k${i}`, version: 2, body: Buffer.from('new'), mac }
          : { kind: 'delete', table, key: `k${i}`, version: 1 },
      ],
    });
  expect(found()).not.toEqual([]);
  await store.scrub();
  expect(found()).toEqual([]);
  expect(await store.list(table, { limit: 100 })).toHaveLength(20);
});

describe('a data directory is refused, and left as it is,', () => {
  it('when it belongs to another device', async () => {
    const error = await refusalOf(await used(), 'other device');
    expect(error.code).toBe('FOREIGN');
    expect(error.message).toContain('belongs to device device, not to device other device');
  });

  it('when a newer release wrote it', async () => {
    const directory = await used();
    {
      using database = new DatabaseSync(join(directory, 'store.sqlite'));
      database.exec('UPDATE directory SET format_version = 3');
    }
    const error = await refusalOf(directory);
    expect(error.code).toBe('NEWER_VERSION');
    expect(error.message).toMatch(/format version 3.*up to 2/);
  });

  it("when the database is somebody else's", async () => {
    const directory = newDirectory();
    lockDataDirectory(directory).release();
    {
      using database = new DatabaseSync(join(directory, 'store.sqlite'));
      database.exec('CREATE TABLE letters (text)');
    }
    expect((await refusalOf(directory)).code).toBe('FOREIGN');
  });

  it('when the database is garbage, empty, missing or cut', async () => {
    const spoil: ((path: string) => void)[] = [
      (path) => writeFileSync(path, Buffer.alloc(20_000, 0x5a)),
      (path) => writeFileSync(path, ''),
      (path) => rmSync(path),
      (path) => truncateSync(path, 1),
      (path) => truncateSync(path, 4096),
      (path) => truncateSync(path, statSync(path).size - 4096),
      (path) => truncateSync(path, statSync(path).size - 1),
    ];
    for (const damage of spoil) {
      const directory = await used();
      damage(join(directory, 'store.sqlite'));
      expect((await refusalOf(directory)).code).toBe('DAMAGED');
    }
  });

  it('when the database is gone with its head, but the log tells of records', async () => {
    for (const spoil of [rmSync, (path: string) => writeFileSync(path, '')]) {
      const directory = await used();
      spoil(join(directory, 'store.sqlite'));
      rmSync(join(directory, 'store.head'));
      const error = await refusalOf(directory);
      expect(error.code).toBe('DAMAGED');
      expect(error.message).toMatch(/store\.sqlite is missing or empty.*audit\.jsonl/);
    }
  });

  it('when the head cannot be read or made', async () => {
    const spoil: ((path: string) => void)[] = [
      (path) => mkdirSync(path),
      (path) => symlinkSync('/nowhere/head', path),
    ];
    for (const replace of spoil) {
      const directory = await used();
      const head = join(directory, 'store.head');
      rmSync(head);
      replace(head);
      const error = await refusalOf(directory);
      expect(error.code).toBe('UNREADABLE');
      expect(error.message).toContain(head);
    }
  });

  it('when the database is older than its head', async () => {
    const directory = await used();
    writeFileSync(join(directory, 'store.head'), '0000000000000003 0000000000000000\n');
    const error = await refusalOf(directory);
    expect(error.code).toBe('DAMAGED');
    expect(error.message).toMatch(/ends with change 2, but change 3/);
  });

  it('when the audit log lacks records, is missing or altered', async () => {
    const spoil: ((path: string) => void)[] = [
      (path) => rmSync(path),
      (path) => writeFileSync(path, ''),
      (path) =>
        truncateSync(
          path,
          statSync(path).size - readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)!.length - 1,
        ),
      (path) =>
        writeFileSync(
          path,
          readFileSync(path, 'utf8').replace('"a2"', '"a3"').replace('"m2"', '"m3"'),
        ),
    ];
    for (const damage of spoil) {
      const directory = await used();
      damage(join(directory, 'audit.jsonl'));
      const error = await refusalOf(directory);
      expect(error.code).toBe('DAMAGED');
      expect(error.message).toContain('audit.jsonl is damaged');
    }
  });
});

describe('a data directory opens', () => {
  it('when a power cut left something behind the last durable audit record, which is kept elsewhere', async () => {
    const directory = await used();
    const log = join(directory, 'audit.jsonl');
    const sound = readFileSync(log, 'utf8');
    for (const tail of ['\n', '\0'.repeat(5_000), '{"sequence":9}\n']) {
      writeFileSync(log, `${sound}${tail}`);
      await using opened = await open(directory);
      expect(opened.store.sequence()).toBe(2);
      expect(readFileSync(log, 'utf8')).toBe(sound);
      expect(readFileSync(join(directory, 'audit.torn'), 'utf8')).toContain(tail);
    }
  });

  it('when the head is missing or empty', async () => {
    for (const text of [undefined, '', 'x']) {
      const directory = await used();
      if (text === undefined) rmSync(join(directory, 'store.head'));
      else writeFileSync(join(directory, 'store.head'), text);
      await using opened = await open(directory);
      expect(opened.store.sequence()).toBe(2);
    }
  });

  it('when the head is something longer, and has a head again', async () => {
    const directory = await used();
    writeFileSync(join(directory, 'store.head'), Buffer.alloc(5_000, 0x5a));
    {
      await using opened = await open(directory);
      await opened.store.append(event('next'));
    }
    expect(readFileSync(join(directory, 'store.head'), 'latin1')).toMatch(/^\d{16} \d{16}\n$/);
  });

  it('when the last audit line is cut, and keeps the piece', async () => {
    const directory = await used();
    const audit = join(directory, 'audit.jsonl');
    truncateSync(audit, statSync(audit).size - 9);
    await using opened = await open(directory);
    expect(opened.writer.recovery.tornBytes).toBeGreaterThan(100);
    expect(readFileSync(join(directory, 'audit.torn'), 'utf8')).toContain('"a2"');
    await opened.store.append(event('next'));
    expect((await verifyAuditFile(audit, sha256)).sequence).toBe(4);
  });

  it('when a first start was cut off before the database was made', async () => {
    const directory = newDirectory();
    lockDataDirectory(directory).release();
    writeFileSync(join(directory, 'store.sqlite'), '');
    await using opened = await open(directory);
    expect(opened.store.sequence()).toBe(0);
  });
});

describe('workerUrl', () => {
  it('names the file beside the caller, as TypeScript or as JavaScript', () => {
    expect(workerUrl('./worker', 'file:///a/src/b.ts').href).toBe('file:///a/src/worker.ts');
    expect(workerUrl('./worker', 'file:///a/dist/b.js').href).toBe('file:///a/dist/worker.js');
  });
});
