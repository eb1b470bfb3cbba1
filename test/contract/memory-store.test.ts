/** The store contract over the store of an ephemeral server. */
import { startMemoryStore } from '../../src/store/memory-store.ts';
import { contractChangeHistory, storeContract } from './store.contract.ts';

const start = () => startMemoryStore({ changeHistory: contractChangeHistory });

storeContract('MemoryStore in its own thread', async () => start());
storeContract('MemoryStore over ports', async () => {
  const store = start();
  return {
    connect: () => store.connect(),
    close: () => store.close(),
    auditLines: () => store.auditLines(),
    [Symbol.asyncDispose]: () => store.close(),
  };
});
