/**
 * Message-based authenticated encryption (PKCS#11 v3.2 sections 5.9 and 5.11) by every mechanism that has it: what a caller
 * gives for one message, and the mechanism field that it becomes.
 */
import { CKG, CKM } from './constants.ts';
import {
  type EncodedMechanism,
  encodeGcmMessage,
  encodeGcmMessageTag,
  GCM_IV_BYTES,
  GCM_TAG_BITS,
  type GcmMessage,
  type GcmMessageTag,
  packFields,
} from './mechanisms.ts';

/**
 * AES-GCM with an IV that the token makes by counting: the same key never gives the same IV twice. Session keys only.
 * CKR_KEY_EXHAUSTED once all counts were used.
 */
export interface CountedGcmMessage {
  readonly mechanism: 'CKM_AES_GCM';
  /** `counter`: the count stands at the end of the IV. `counter-xor`: it is added to it by exclusive or, as in TLS 1.3. */
  readonly generator: 'counter' | 'counter-xor';
  /** What the count goes into. Its length is that of all IVs of the key. */
  readonly baseIv: Uint8Array;
  /** How many bits of it, from the left, stay as they are. */
  readonly fixedBits: number;
  readonly additionalData?: Uint8Array | undefined;
  /** 96 to 128, default 128. */
  readonly tagBits?: number | undefined;
}

/** AES-CCM: without `nonce` the token makes one of `nonceLength` bytes. */
export interface CcmMessage {
  readonly mechanism: 'CKM_AES_CCM';
  readonly nonce?: Uint8Array | undefined;
  /** 12 (default) or 13. */
  readonly nonceLength?: number | undefined;
  readonly additionalData?: Uint8Array | undefined;
  /** Bytes: 4 to 16 and even. Default 16. */
  readonly macLength?: number | undefined;
}

/** ChaCha20-Poly1305; the tag has 16 bytes. */
export interface ChaCha20Poly1305Message {
  readonly mechanism: 'CKM_CHACHA20_POLY1305';
  /** 12 bytes. Never the same twice under one key. */
  readonly nonce: Uint8Array;
  readonly additionalData?: Uint8Array | undefined;
}

/** A message to encrypt; without a mechanism's name it is AES-GCM with a given or a random IV. */
export type AeadMessage =
  | (GcmMessage & { readonly mechanism?: undefined })
  | CountedGcmMessage
  | CcmMessage
  | ChaCha20Poly1305Message;

/** A message to decrypt; without a mechanism's name it is AES-GCM. */
export type AeadMessageTag =
  | (GcmMessageTag & { readonly mechanism?: undefined })
  | {
      readonly mechanism: 'CKM_AES_CCM' | 'CKM_CHACHA20_POLY1305';
      readonly iv: Uint8Array;
      readonly tag: Uint8Array;
      readonly additionalData?: Uint8Array | undefined;
    };

const none = new Uint8Array(0);
const generators = {
  counter: CKG.CKG_GENERATE_COUNTER,
  'counter-xor': CKG.CKG_GENERATE_COUNTER_XOR,
} as const;

/** Bytes of the IV or nonce that a message gets. */
export function ivLength(message: AeadMessage): number {
  switch (message.mechanism) {
    case undefined:
      return message.iv?.length ?? message.ivLength ?? GCM_IV_BYTES;
    case 'CKM_AES_GCM':
      return message.baseIv.length;
    case 'CKM_AES_CCM':
      return message.nonce?.length ?? message.nonceLength ?? GCM_IV_BYTES;
    case 'CKM_CHACHA20_POLY1305':
      return message.nonce.length;
  }
}

/** Bytes of its tag. */
export function tagLength(message: AeadMessage): number {
  switch (message.mechanism) {
    case undefined:
    case 'CKM_AES_GCM':
      return (message.tagBits ?? GCM_TAG_BITS) / 8;
    case 'CKM_AES_CCM':
      return message.macLength ?? 16;
    case 'CKM_CHACHA20_POLY1305':
      return 16;
  }
}

/** @param dataLength bytes of the plaintext */
export function encodeAeadMessage(message: AeadMessage, dataLength: number): EncodedMechanism {
  switch (message.mechanism) {
    case undefined:
      return encodeGcmMessage(message);
    case 'CKM_AES_GCM': {
      const { baseIv, fixedBits, generator, tagBits = GCM_TAG_BITS } = message;
      const fields = [baseIv, fixedBits, generators[generator], tagBits, none];
      return { number: CKM.CKM_AES_GCM, parameter: packFields(fields) };
    }
    case 'CKM_AES_CCM': {
      const nonce = message.nonce ?? new Uint8Array(ivLength(message));
      const generator = message.nonce ? CKG.CKG_NO_GENERATE : CKG.CKG_GENERATE_RANDOM;
      const fields = [dataLength, nonce, 0, generator, tagLength(message), none];
      return { number: CKM.CKM_AES_CCM, parameter: packFields(fields) };
    }
    case 'CKM_CHACHA20_POLY1305':
      return {
        number: CKM.CKM_CHACHA20_POLY1305,
        parameter: packFields([message.nonce, none]),
      };
  }
}

/** @param dataLength bytes of the ciphertext, tag not counted */
export function encodeAeadMessageTag(
  message: AeadMessageTag,
  dataLength: number,
): EncodedMechanism {
  switch (message.mechanism) {
    case undefined:
      return encodeGcmMessageTag(message);
    case 'CKM_AES_CCM': {
      const { iv, tag } = message;
      const fields = [dataLength, iv, 0, CKG.CKG_NO_GENERATE, tag.length, tag];
      return { number: CKM.CKM_AES_CCM, parameter: packFields(fields) };
    }
    case 'CKM_CHACHA20_POLY1305':
      return {
        number: CKM.CKM_CHACHA20_POLY1305,
        parameter: packFields([message.iv, message.tag]),
      };
  }
}
