/** The key store that unit tests use must keep the promises of a real one. */
import { FakeKeyStore } from '../support/fake-key-store.ts';
import { keyStoreContract } from './keystore.contract.ts';

keyStoreContract('FakeKeyStore', { region: 'eu-central-1' }, async () => new FakeKeyStore());
