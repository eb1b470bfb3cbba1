/**
 * PKCS#11 for TypeScript: what the rest of the project imports from this folder. A device comes from openDevice or
 * attachDevice in src/link/in-process.ts (later: from other links); slots, sessions and objects follow from there.
 *
 *   await using device = await openDevice({ flashDirectory: null, slotCount: 1, create: true });
 *   const [slot] = await device.slots();
 *   await using session = await slot.openSession({ readWrite: true });
 */

export type {
  AeadMessage,
  AeadMessageTag,
  CcmMessage,
  ChaCha20Poly1305Message,
  CountedGcmMessage,
} from './aead-messages.ts';
export type {
  AttributeName,
  AttributeValues,
  KeyType,
  MechanismName,
  ObjectClass,
  Template,
} from './attributes.ts';
export { certificateTemplate } from './certificate.ts';
export { CKA, CKF, CKK, CKM, CKO, CKR, CKR_ENDS, CKS, CKU, type CkrName } from './constants.ts';
export { Device, type DeviceStatus } from './device.ts';
export { CkrError, ckrName } from './errors.ts';
export type { ObjectHandle, SealedRandom } from './hot-path.ts';
export type {
  KeyPair,
  KeyPairMechanism,
  ReEncryptDestination,
  ReEncryptSource,
  SealedKeyPair,
} from './key-pairs.ts';
export { type Link, LinkError, type SyncLink } from './link.ts';
export {
  type CbcMechanism,
  type CcmMechanism,
  type ChaCha20Mechanism,
  type ChaCha20Poly1305Mechanism,
  type CounterKdfMechanism,
  type CtrMechanism,
  GCM_IV_BYTES,
  type GcmMechanism,
  type GcmMessage,
  type GcmMessageTag,
  type GcmWrap,
  type HashName,
  type HmacGeneralMechanism,
  type KdfField,
  type Mechanism,
  type OaepMechanism,
  type OpaqueMechanism,
  type OpeningMechanism,
  type PssMechanism,
  type RsaAesKeyWrapMechanism,
  SEAL_NONCE_BYTES,
  SEAL_TAG_BYTES,
  type SealingMechanism,
} from './mechanisms.ts';
export { publicKeyTemplate } from './public-key.ts';
export {
  type Burial,
  type EncryptedMessage,
  Session,
  type SessionInfo,
} from './session.ts';
export { type MechanismInfo, Slot, type SlotInfo, type TokenInfo } from './slot.ts';
export type { SyncSession } from './sync-session.ts';
