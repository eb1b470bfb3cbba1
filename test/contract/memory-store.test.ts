/** The store contract over the store of an ephemeral server. */
import { startMemoryStore } from '../../src/store/memory-store.ts';
import { contractChangeHistory, storeContract } from './store.contract.ts';

storeContract('MemoryStore', () =>
  Promise.resolve(startMemoryStore({ changeHistory: contractChangeHistory })),
);
