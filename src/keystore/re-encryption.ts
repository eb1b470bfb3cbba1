/**
 * The two sides of a re-encryption, as the token's command takes them.
 */
import type { ObjectHandle, ReEncryptDestination, ReEncryptSource } from '../hsm/index.ts';
import { oaepMechanisms, type Pace } from './algorithms.ts';
import { kindOf } from './backing-key.ts';
import type { Encrypted, EncryptionKey } from './key-store.ts';

const none = new Uint8Array(0);

/** As slow as the slower half. */
export function paceOfReEncryption(source: EncryptionKey, to: EncryptionKey): Pace {
  const opening = kindOf(source.material).spec.pace.private;
  const sealing = kindOf(to.material).spec.pace.public;
  return opening === 'fast' ? sealing : opening;
}

export function sealedSource(
  source: EncryptionKey & Encrypted,
  key: ObjectHandle,
): ReEncryptSource {
  if (source.algorithm !== 'SYMMETRIC_DEFAULT') {
    const { algorithm, ciphertext } = source;
    return { mechanism: oaepMechanisms[algorithm], key, additionalData: none, ciphertext };
  }
  const { additionalData, sealed } = source;
  const { nonce, tag, ciphertext } = sealed;
  return {
    mechanism: { mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM', nonce, tag },
    key,
    additionalData,
    ciphertext,
  };
}

export function sealedDestination(to: EncryptionKey, key: ObjectHandle): ReEncryptDestination {
  if (to.algorithm !== 'SYMMETRIC_DEFAULT')
    return { mechanism: oaepMechanisms[to.algorithm], key, additionalData: none };
  const { additionalData } = to;
  return { mechanism: { mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM' }, key, additionalData };
}
