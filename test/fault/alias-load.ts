/**
 * A process that makes, moves and deletes aliases as fast as it can, from two clients that get in each
 * other's way. Says `ready` when it begins. Run by alias-kill.test.ts, which ends it.
 *
 *   node alias-load.ts DIRECTORY
 */
import { writeSync } from 'node:fs';
import { AliasRepository } from '../../src/kms/keys/alias-repository.ts';
import type { KeyRecord } from '../../src/kms/keys/key-record.ts';
import { KeyRepository } from '../../src/kms/keys/key-repository.ts';
import { lockDataDirectory } from '../../src/store/data-directory.ts';
import { StoreConflictError } from '../../src/store/metadata-store.ts';
import { openStoreClient } from '../../src/store/store-client.ts';
import { startStoreWriter } from '../../src/store/store-writer.ts';

const accountId = '111122223333';
const region = 'eu-central-1';
const [directory = ''] = process.argv.slice(2);
const lock = lockDataDirectory(directory);
const writer = await startStoreWriter({ lock, deviceId: 'device', auditSyncMs: 20 });
const mac = { sign: async () => new Uint8Array(32), verify: async () => true };
const repositories = [0, 1].map(() => {
  const source = { region, store: openStoreClient(writer.connect()), mac };
  const keys = new KeyRepository(source);
  return { keys, aliases: new AliasRepository(source, keys) };
});
const keyIds = [1, 2, 3].map((i) => `1234abcd-12ab-34cd-56ef-12345678900${i}`);
const audit = JSON.stringify({ eventId: 'e', requestId: 'r', timeMs: 0, region });

async function ensureKeys(): Promise<void> {
  const [first] = repositories;
  for (const keyId of keyIds) {
    const key: KeyRecord = {
      accountId,
      region,
      keyId,
      keySpec: 'SYMMETRIC_DEFAULT',
      keyUsage: 'ENCRYPT_DECRYPT',
      origin: 'AWS_KMS',
      keyState: 'Enabled',
      description: '',
      createdAtMs: 0,
      tags: [],
      aliases: [],
      materials: [{ materialId: '00'.repeat(32), keyToken: '', createdAtMs: 0 }],
    };
    if (!(await first?.keys.find(accountId, keyId))) await first?.keys.create(key, audit);
  }
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

async function change({ keys, aliases }: (typeof repositories)[number]): Promise<void> {
  const aliasName = `alias/${pick([1, 2, 3, 4, 5])}`;
  const alias = await aliases.find(accountId, aliasName);
  const to = await keys.find(accountId, pick(keyIds));
  if (to === undefined) throw new Error('a key is gone');
  if (alias === undefined) return aliases.create(aliasName, to, 1, audit);
  const from = await keys.find(accountId, alias.targetKeyId);
  if (from === undefined) throw new Error('a key is gone');
  if (Math.random() < 0.3) return aliases.delete(alias, from, audit);
  return aliases.retarget(alias, from, to, 2, audit);
}

await ensureKeys();
writeSync(1, 'ready\n');
await Promise.all(
  repositories.map(async (repository) => {
    for (;;) {
      await change(repository).catch((error: unknown) => {
        if (!(error instanceof StoreConflictError)) throw error;
      });
    }
  }),
);
