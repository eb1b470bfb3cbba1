/**
 * Every fact about a key spec in one row.
 * Source: AWS KMS Developer Guide, "Key spec reference"; lengths of public keys from their DER form.
 */
import type { KeySpec, KeyUsageType } from '@aws-sdk/client-kms';

export interface KeySpecRow {
  readonly keySpec: KeySpec;
  /** Keys of this spec can be created here; the other rows say what AWS would do. */
  readonly built: boolean;
  /** Algorithms by usage; a usage that is not named is not possible. */
  readonly algorithms: Readonly<Partial<Record<KeyUsageType, readonly string[]>>>;
  /** What an absent KeyUsage means; absent: it must be given. */
  readonly defaultUsage?: KeyUsageType;
  /** Longest plaintext in bytes, by encryption algorithm. */
  readonly plaintextLengthMax?: Readonly<Record<string, number>>;
  /** Longest message in bytes that is signed or authenticated as it is. */
  readonly messageLengthMax?: number;
  /** SubjectPublicKeyInfo, DER, in bytes. */
  readonly publicKeyLength?: number;
  /** In bytes; where the form varies (DER of an ECDSA signature) the longest. */
  readonly signatureLengthMax?: number;
  /** In bytes. */
  readonly macLength?: number;
  /** AWS offers it in China Regions only. */
  readonly chinaOnly?: true;
}

const messageLengthMax = 4096;
const rsaSigning = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
];

/** @param modulusBits RFC 8017 section 7.1.1: OAEP takes two hashes and two bytes of the modulus. */
function rsa(keySpec: KeySpec, modulusBits: number, publicKeyLength: number): KeySpecRow {
  const modulusLength = modulusBits / 8;
  return {
    keySpec,
    built: true,
    algorithms: {
      ENCRYPT_DECRYPT: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
      SIGN_VERIFY: rsaSigning,
    },
    plaintextLengthMax: {
      RSAES_OAEP_SHA_1: modulusLength - 2 * 20 - 2,
      RSAES_OAEP_SHA_256: modulusLength - 2 * 32 - 2,
    },
    messageLengthMax,
    publicKeyLength,
    signatureLengthMax: modulusLength,
  };
}

function ecc(
  keySpec: KeySpec,
  signing: readonly string[],
  lengths: { publicKeyLength: number; signatureLengthMax: number },
  agreement: readonly string[] = [],
): KeySpecRow {
  return {
    keySpec,
    built: keySpec !== 'ECC_NIST_EDWARDS25519',
    algorithms: {
      SIGN_VERIFY: signing,
      ...(agreement.length > 0 && { KEY_AGREEMENT: agreement }),
    },
    messageLengthMax,
    ...lengths,
  };
}

function mlDsa(keySpec: KeySpec, publicKeyLength: number, signatureLengthMax: number): KeySpecRow {
  return {
    keySpec,
    built: false,
    algorithms: { SIGN_VERIFY: ['ML_DSA_SHAKE_256'] },
    messageLengthMax,
    publicKeyLength,
    signatureLengthMax,
  };
}

function mlKem(keySpec: KeySpec, publicKeyLength: number): KeySpecRow {
  return {
    keySpec,
    built: false,
    algorithms: { ENCAPSULATE_DECAPSULATE: ['ML_KEM'] },
    publicKeyLength,
  };
}

function hmac(keySpec: KeySpec, algorithm: string, macLength: number): KeySpecRow {
  return {
    keySpec,
    built: true,
    algorithms: { GENERATE_VERIFY_MAC: [algorithm] },
    messageLengthMax,
    macLength,
  };
}

const p256 = { publicKeyLength: 91, signatureLengthMax: 72 };
const p384 = { publicKeyLength: 120, signatureLengthMax: 104 };
const p521 = { publicKeyLength: 158, signatureLengthMax: 139 };
const k256 = { publicKeyLength: 88, signatureLengthMax: 72 };
const ed25519 = { publicKeyLength: 44, signatureLengthMax: 64 };

export const keySpecs: Readonly<Record<KeySpec, KeySpecRow>> = {
  SYMMETRIC_DEFAULT: {
    keySpec: 'SYMMETRIC_DEFAULT',
    built: true,
    algorithms: { ENCRYPT_DECRYPT: ['SYMMETRIC_DEFAULT'] },
    defaultUsage: 'ENCRYPT_DECRYPT',
    plaintextLengthMax: { SYMMETRIC_DEFAULT: 4096 },
  },
  RSA_2048: rsa('RSA_2048', 2048, 294),
  RSA_3072: rsa('RSA_3072', 3072, 422),
  RSA_4096: rsa('RSA_4096', 4096, 550),
  ECC_NIST_P256: ecc('ECC_NIST_P256', ['ECDSA_SHA_256'], p256, ['ECDH']),
  ECC_NIST_P384: ecc('ECC_NIST_P384', ['ECDSA_SHA_384'], p384, ['ECDH']),
  ECC_NIST_P521: ecc('ECC_NIST_P521', ['ECDSA_SHA_512'], p521, ['ECDH']),
  ECC_SECG_P256K1: ecc('ECC_SECG_P256K1', ['ECDSA_SHA_256'], k256),
  ECC_NIST_EDWARDS25519: ecc(
    'ECC_NIST_EDWARDS25519',
    ['ED25519_SHA_512', 'ED25519_PH_SHA_512'],
    ed25519,
  ),
  ML_DSA_44: mlDsa('ML_DSA_44', 1334, 2420),
  ML_DSA_65: mlDsa('ML_DSA_65', 1974, 3309),
  ML_DSA_87: mlDsa('ML_DSA_87', 2614, 4627),
  ML_KEM_512: mlKem('ML_KEM_512', 822),
  ML_KEM_768: mlKem('ML_KEM_768', 1206),
  ML_KEM_1024: mlKem('ML_KEM_1024', 1590),
  HMAC_224: hmac('HMAC_224', 'HMAC_SHA_224', 28),
  HMAC_256: hmac('HMAC_256', 'HMAC_SHA_256', 32),
  HMAC_384: hmac('HMAC_384', 'HMAC_SHA_384', 48),
  HMAC_512: hmac('HMAC_512', 'HMAC_SHA_512', 64),
  SM2: {
    keySpec: 'SM2',
    built: false,
    algorithms: {
      ENCRYPT_DECRYPT: ['SM2PKE'],
      SIGN_VERIFY: ['SM2DSA'],
      KEY_AGREEMENT: ['ECDH'],
    },
    plaintextLengthMax: { SM2PKE: 1024 },
    messageLengthMax,
    chinaOnly: true,
  },
};
