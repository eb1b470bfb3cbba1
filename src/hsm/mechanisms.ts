/**
 * Mechanisms and their parameters (PKCS#11 v3.2 section 6), and how a parameter becomes pointer-free bytes.
 */
import { type MechanismName, mechanismNumber } from './attributes.ts';
import { MECHANISM_PARAMETERS } from './commands.ts';
import { CK_SP800_108, CKG, CKG_MGF1, CKM, CKZ } from './constants.ts';

/** CKM_AES_GCM in one part: `tagBits` 96 to 128 (default 128); the tag follows the ciphertext. */
export interface GcmMechanism {
  readonly mechanism: 'CKM_AES_GCM';
  /** 1 to 256 bytes; 12 is the fast path. Never the same twice under one key. */
  readonly iv: Uint8Array;
  readonly additionalData?: Uint8Array | undefined;
  readonly tagBits?: number | undefined;
}

/** CKM_AES_CBC (whole blocks) and CKM_AES_CBC_PAD (PKCS #7 padding). Nothing tells whether the data was changed. */
export interface CbcMechanism {
  readonly mechanism: 'CKM_AES_CBC' | 'CKM_AES_CBC_PAD';
  /** 16 bytes that nobody can foresee. */
  readonly iv: Uint8Array;
}

/** CKM_AES_CTR. The counter is not counted past its last value. */
export interface CtrMechanism {
  readonly mechanism: 'CKM_AES_CTR';
  /** The first counter block, 16 bytes; no block may come twice under one key. */
  readonly block: Uint8Array;
  /** 1 to 128: how many of its last bits count. Default 32. */
  readonly counterBits?: number | undefined;
}

/** CKM_AES_CCM in one part; the MAC follows the ciphertext. */
export interface CcmMechanism {
  readonly mechanism: 'CKM_AES_CCM';
  /** Bytes of the plaintext: CCM has to know first. */
  readonly dataLength: number;
  /** 7 to 13 bytes. Never the same twice under one key. */
  readonly nonce: Uint8Array;
  readonly additionalData?: Uint8Array | undefined;
  /** Bytes: 4 to 16 and even. Default 16. */
  readonly macLength?: number | undefined;
}

/** CKM_CHACHA20 (RFC 8439), or with a nonce of 8 bytes the original cipher. Nothing tells whether the data was changed. */
export interface ChaCha20Mechanism {
  readonly mechanism: 'CKM_CHACHA20';
  /** 12 bytes. Never the same twice under one key. */
  readonly nonce: Uint8Array;
  /** The first block counter, little endian: 4 bytes, of the original cipher 8. Default: all zero. */
  readonly counter?: Uint8Array | undefined;
}

/** CKM_CHACHA20_POLY1305; the tag (16 bytes) follows the ciphertext. */
export interface ChaCha20Poly1305Mechanism {
  readonly mechanism: 'CKM_CHACHA20_POLY1305';
  /** 12 bytes. Never the same twice under one key. */
  readonly nonce: Uint8Array;
  readonly additionalData?: Uint8Array | undefined;
}

/** CKM_RSA_AES_KEY_WRAP: the key is wrapped by AES-KWP under a fresh AES key, and that one by RSAES-OAEP. */
export interface RsaAesKeyWrapMechanism {
  readonly mechanism: 'CKM_RSA_AES_KEY_WRAP';
  readonly hash: HashName;
  /** Default: `hash`. */
  readonly mgf1?: HashName | undefined;
  /** Default: empty. */
  readonly label?: Uint8Array | undefined;
  /** Default 256. */
  readonly aesKeyBits?: 128 | 192 | 256 | undefined;
}

/** One input field of the KDF, in order. */
export type KdfField =
  | {
      readonly field: 'counter';
      readonly widthBits: 8 | 16 | 24 | 32;
      readonly littleEndian?: boolean;
    }
  | {
      readonly field: 'length';
      readonly widthBits: 8 | 16 | 24 | 32 | 64;
      readonly littleEndian?: boolean;
      readonly of?: 'keys' | 'segments';
    }
  | { readonly field: 'bytes'; readonly bytes: Uint8Array };

/** CKM_SP800_108_COUNTER_KDF (SP 800-108r1 section 4.1). One field is the counter. */
export interface CounterKdfMechanism {
  readonly mechanism: 'CKM_SP800_108_COUNTER_KDF';
  /** Default CKM_SHA256_HMAC. */
  readonly prf?: MechanismName;
  readonly fields: readonly KdfField[];
}

/** Hashes that parameters of RSA mechanisms name. */
export type HashName = 'SHA-1' | 'SHA-224' | 'SHA-256' | 'SHA-384' | 'SHA-512';

interface HashRow {
  /** Bytes of a digest. */
  readonly length: number;
  readonly digest: number;
  readonly mgf1: number;
}
const hashes: Readonly<Record<HashName, HashRow>> = {
  'SHA-1': { length: 20, digest: CKM.CKM_SHA_1, mgf1: CKG_MGF1.CKG_MGF1_SHA1 },
  'SHA-224': { length: 28, digest: CKM.CKM_SHA224, mgf1: CKG_MGF1.CKG_MGF1_SHA224 },
  'SHA-256': { length: 32, digest: CKM.CKM_SHA256, mgf1: CKG_MGF1.CKG_MGF1_SHA256 },
  'SHA-384': { length: 48, digest: CKM.CKM_SHA384, mgf1: CKG_MGF1.CKG_MGF1_SHA384 },
  'SHA-512': { length: 64, digest: CKM.CKM_SHA512, mgf1: CKG_MGF1.CKG_MGF1_SHA512 },
};

/** RSASSA-PSS: of a digest (CKM_RSA_PKCS_PSS), or of a message that the token hashes with `hash`, which the name repeats. */
export interface PssMechanism {
  readonly mechanism:
    | 'CKM_RSA_PKCS_PSS'
    | 'CKM_SHA1_RSA_PKCS_PSS'
    | 'CKM_SHA224_RSA_PKCS_PSS'
    | 'CKM_SHA256_RSA_PKCS_PSS'
    | 'CKM_SHA384_RSA_PKCS_PSS'
    | 'CKM_SHA512_RSA_PKCS_PSS';
  readonly hash: HashName;
  /** Default: `hash`. */
  readonly mgf1?: HashName | undefined;
  /** Bytes; default: as many as a digest has. */
  readonly saltLength?: number | undefined;
}

/** RSAES-OAEP. */
export interface OaepMechanism {
  readonly mechanism: 'CKM_RSA_PKCS_OAEP';
  readonly hash: HashName;
  /** Default: `hash`. */
  readonly mgf1?: HashName | undefined;
  /** Default: empty. */
  readonly label?: Uint8Array | undefined;
}

/** HMAC or CMAC cut to its leftmost `macLength` bytes. */
export interface HmacGeneralMechanism {
  readonly mechanism:
    | 'CKM_SHA_1_HMAC_GENERAL'
    | 'CKM_SHA224_HMAC_GENERAL'
    | 'CKM_SHA256_HMAC_GENERAL'
    | 'CKM_SHA384_HMAC_GENERAL'
    | 'CKM_SHA512_HMAC_GENERAL'
    | 'CKM_AES_CMAC_GENERAL';
  readonly macLength: number;
}

type WithParameter =
  | GcmMechanism
  | CbcMechanism
  | CtrMechanism
  | CcmMechanism
  | ChaCha20Mechanism
  | ChaCha20Poly1305Mechanism
  | RsaAesKeyWrapMechanism
  | CounterKdfMechanism
  | PssMechanism
  | OaepMechanism
  | HmacGeneralMechanism;

/** A mechanism that takes no parameter, by name or number, or with bytes that hold no pointer. */
export interface OpaqueMechanism {
  readonly mechanism:
    | Exclude<MechanismName, WithParameter['mechanism'] | 'CKM_STRONGROOM_DERIVE_AES_GCM'>
    | number;
  readonly parameter?: Uint8Array;
}

export type Mechanism = WithParameter | OpaqueMechanism | OpaqueMechanism['mechanism'];

/** What the source of a re-encryption was made with. */
export type OpeningMechanism =
  | {
      readonly mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM';
      readonly nonce: Uint8Array;
      readonly tag: Uint8Array;
    }
  | OaepMechanism;

/** What its destination is made with; the token makes nonce and tag. */
export type SealingMechanism =
  | { readonly mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM' }
  | OaepMechanism;

/** Message-based AEAD, encrypting: without `iv` the token makes one of `ivLength` bytes. */
export interface GcmMessage {
  readonly iv?: Uint8Array | undefined;
  /** Default 12. */
  readonly ivLength?: number | undefined;
  readonly additionalData?: Uint8Array | undefined;
  /** 96 to 128, default 128. */
  readonly tagBits?: number | undefined;
}

/** Message-based AEAD, decrypting. */
export interface GcmMessageTag {
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
  readonly additionalData?: Uint8Array | undefined;
}

/** CKM_AES_GCM for authenticated wrapping. Without `iv` the token makes one of 12 bytes. */
export interface GcmWrap {
  readonly mechanism: 'CKM_AES_GCM';
  readonly iv?: Uint8Array | undefined;
  readonly tagBits?: number | undefined;
}

export const SEAL_NONCE_BYTES = 28;
export const SEAL_TAG_BYTES = 16;
export const GCM_IV_BYTES = 12;
export const GCM_TAG_BITS = 128;

/** The number and the parameter's bytes of a mechanism field. */
export interface EncodedMechanism {
  readonly number: number;
  readonly parameter: Uint8Array;
}

const none = new Uint8Array(0);

/** Puts u32 words and byte fields one after the other, as in a frame's body. */
export function packFields(fields: readonly (number | Uint8Array)[]): Uint8Array {
  const length = fields.reduce<number>(
    (sum, field) => sum + 4 + (typeof field === 'number' ? 0 : (field.length + 3) & ~3),
    0,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const field of fields) {
    view.setUint32(offset, typeof field === 'number' ? field : field.length, true);
    offset += 4;
    if (typeof field === 'number') continue;
    bytes.set(field, offset);
    offset += (field.length + 3) & ~3;
  }
  return bytes;
}

function kdfField(field: KdfField): (number | Uint8Array)[] {
  switch (field.field) {
    case 'counter':
      return [
        CK_SP800_108.CK_SP800_108_ITERATION_VARIABLE,
        Number(field.littleEndian ?? false),
        field.widthBits,
      ];
    case 'length': {
      const method =
        field.of === 'segments'
          ? CK_SP800_108.CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS
          : CK_SP800_108.CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS;
      return [
        CK_SP800_108.CK_SP800_108_DKM_LENGTH,
        method,
        Number(field.littleEndian ?? false),
        field.widthBits,
      ];
    }
    case 'bytes':
      return [CK_SP800_108.CK_SP800_108_BYTE_ARRAY, field.bytes];
  }
}

function hashRow(name: HashName): HashRow {
  const row = hashes[name];
  if (row === undefined) throw new TypeError(`${String(name)} is no hash`);
  return row;
}

/** Encodes a mechanism for the commands with a single-part parameter. */
export function encodeMechanism(mechanism: Mechanism): EncodedMechanism {
  if (typeof mechanism !== 'object') return { number: mechanismNumber(mechanism), parameter: none };
  const number = mechanismNumber(mechanism.mechanism);
  switch (mechanism.mechanism) {
    case 'CKM_AES_GCM': {
      const { iv, additionalData, tagBits } = mechanism as GcmMechanism;
      return {
        number,
        parameter: packFields([iv, additionalData ?? none, tagBits ?? GCM_TAG_BITS]),
      };
    }
    case 'CKM_AES_CBC':
    case 'CKM_AES_CBC_PAD':
      return { number, parameter: (mechanism as CbcMechanism).iv };
    case 'CKM_AES_CTR': {
      const { block, counterBits } = mechanism as CtrMechanism;
      return { number, parameter: packFields([counterBits ?? 32, block]) };
    }
    case 'CKM_AES_CCM': {
      const { dataLength, nonce, additionalData, macLength } = mechanism as CcmMechanism;
      const fields = [dataLength, nonce, additionalData ?? none, macLength ?? GCM_TAG_BITS / 8];
      return { number, parameter: packFields(fields) };
    }
    case 'CKM_CHACHA20': {
      const { nonce, counter } = mechanism as ChaCha20Mechanism;
      const start = counter ?? new Uint8Array(Math.max(0, 16 - nonce.length));
      return { number, parameter: packFields([start, nonce]) };
    }
    case 'CKM_CHACHA20_POLY1305': {
      const { nonce, additionalData } = mechanism as ChaCha20Poly1305Mechanism;
      return { number, parameter: packFields([nonce, additionalData ?? none]) };
    }
    case 'CKM_RSA_AES_KEY_WRAP': {
      const { aesKeyBits, hash, mgf1, label } = mechanism as RsaAesKeyWrapMechanism;
      const words = [aesKeyBits ?? 256, hashRow(hash).digest, hashRow(mgf1 ?? hash).mgf1];
      const parameter = packFields([...words, CKZ.CKZ_DATA_SPECIFIED, label ?? none]);
      return { number, parameter };
    }
    case 'CKM_SP800_108_COUNTER_KDF': {
      const { prf, fields } = mechanism as CounterKdfMechanism;
      const words = [
        mechanismNumber(prf ?? 'CKM_SHA256_HMAC'),
        fields.length,
        ...fields.flatMap(kdfField),
      ];
      return { number, parameter: packFields(words) };
    }
    case 'CKM_SHA_1_HMAC_GENERAL':
    case 'CKM_SHA224_HMAC_GENERAL':
    case 'CKM_SHA256_HMAC_GENERAL':
    case 'CKM_SHA384_HMAC_GENERAL':
    case 'CKM_SHA512_HMAC_GENERAL':
    case 'CKM_AES_CMAC_GENERAL': {
      const parameter = new Uint8Array(MECHANISM_PARAMETERS[mechanism.mechanism].opaque);
      new DataView(parameter.buffer).setUint32(
        0,
        (mechanism as HmacGeneralMechanism).macLength,
        true,
      );
      return { number, parameter };
    }
    case 'CKM_RSA_PKCS_PSS':
    case 'CKM_SHA1_RSA_PKCS_PSS':
    case 'CKM_SHA224_RSA_PKCS_PSS':
    case 'CKM_SHA256_RSA_PKCS_PSS':
    case 'CKM_SHA384_RSA_PKCS_PSS':
    case 'CKM_SHA512_RSA_PKCS_PSS': {
      const { hash, mgf1, saltLength } = mechanism as PssMechanism;
      const row = hashRow(hash);
      const words = [row.digest, hashRow(mgf1 ?? hash).mgf1, saltLength ?? row.length];
      return { number, parameter: packFields(words) };
    }
    case 'CKM_RSA_PKCS_OAEP': {
      const { hash, mgf1, label } = mechanism as OaepMechanism;
      const words = [hashRow(hash).digest, hashRow(mgf1 ?? hash).mgf1];
      const parameter = packFields([...words, CKZ.CKZ_DATA_SPECIFIED, label ?? none]);
      return { number, parameter };
    }
    default:
      return { number, parameter: (mechanism as OpaqueMechanism).parameter ?? none };
  }
}

/** Encodes GCM for MessageEncrypt. An IV that the token makes travels as that many zero bytes. */
export function encodeGcmMessage(message: GcmMessage): EncodedMechanism {
  const iv = message.iv ?? new Uint8Array(message.ivLength ?? GCM_IV_BYTES);
  const generator = message.iv ? CKG.CKG_NO_GENERATE : CKG.CKG_GENERATE_RANDOM;
  const tagBits = message.tagBits ?? GCM_TAG_BITS;
  return { number: CKM.CKM_AES_GCM, parameter: packFields([iv, 0, generator, tagBits, none]) };
}

/** Encodes GCM for MessageDecrypt. */
export function encodeGcmMessageTag(message: GcmMessageTag): EncodedMechanism {
  const parameter = packFields([
    message.iv,
    0,
    CKG.CKG_NO_GENERATE,
    message.tag.length * 8,
    message.tag,
  ]);
  return { number: CKM.CKM_AES_GCM, parameter };
}

/** Encodes GCM for WrapKeyAuthenticated and UnwrapKeyAuthenticated. */
export function encodeGcmWrap(wrap: GcmWrap): EncodedMechanism {
  const iv = wrap.iv ?? new Uint8Array(GCM_IV_BYTES);
  const generator = wrap.iv ? CKG.CKG_NO_GENERATE : CKG.CKG_GENERATE_RANDOM;
  return {
    number: CKM.CKM_AES_GCM,
    parameter: packFields([iv, 0, generator, wrap.tagBits ?? GCM_TAG_BITS]),
  };
}

/** Encodes the seal mechanism: nothing to encrypt with, nonce and tag to decrypt with. */
export function encodeSeal(nonce: Uint8Array, tag: Uint8Array): EncodedMechanism {
  return { number: CKM.CKM_STRONGROOM_DERIVE_AES_GCM, parameter: packFields([nonce, tag]) };
}

/** Encodes one side of a re-encryption. */
export function encodeSide(mechanism: OpeningMechanism | SealingMechanism): EncodedMechanism {
  if (mechanism.mechanism === 'CKM_RSA_PKCS_OAEP') return encodeMechanism(mechanism);
  return 'nonce' in mechanism ? encodeSeal(mechanism.nonce, mechanism.tag) : encodeSeal(none, none);
}
