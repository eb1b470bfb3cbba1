/** The store contract over the store-writer thread. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockDataDirectory } from '../../src/store/data-directory.ts';
import { startStoreWriter } from '../../src/store/store-writer.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { contractChangeHistory, type StoreUnderTest, storeContract } from './store.contract.ts';

async function start(): Promise<StoreUnderTest> {
  const lock = lockDataDirectory(join(scratchDirectory(), 'data'));
  const writer = await startStoreWriter({
    lock,
    deviceId: 'device',
    changeHistory: contractChangeHistory,
  });
  const close = async () => {
    await writer.close();
    lock.release();
  };
  return {
    connect: () => writer.connect(),
    close,
    [Symbol.asyncDispose]: close,
    auditLines: () => readFileSync(lock.path('audit'), 'utf8').split('\n').slice(0, -1),
  };
}

storeContract('StoreWriter', start);
