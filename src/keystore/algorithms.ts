/**
 * What AWS's key specs and algorithms are in PKCS#11: one row each.
 * Source: PKCS#11 v3.2 section 6; AWS KMS Developer Guide, "Key spec reference".
 */
import type {
  KeySpec,
  KeyUsageType,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import type { KeyType, Mechanism, MechanismName, OaepMechanism, Template } from '../hsm/index.ts';
import type { RsaEncryptionAlgorithm } from './key-store.ts';

/**
 * What the material in a key token is for. Each kind has a domain key of its own, so a key token is never
 * unwrapped into another use than the one it was made for.
 */
export type DomainKind = 'seal' | 'mac' | 'sign' | 'decrypt';

export const domainKinds: readonly DomainKind[] = ['seal', 'mac', 'sign', 'decrypt'];

/** How material of one spec is made, and what it can become. */
export interface MaterialSpec {
  readonly kinds: Readonly<Partial<Record<KeyUsageType, DomainKind>>>;
  /** `secret`: one key; else the mechanism that makes a key pair. */
  readonly generation: 'secret' | 'CKM_RSA_PKCS_KEY_PAIR_GEN' | 'CKM_EC_KEY_PAIR_GEN';
  readonly keyType: KeyType;
  /** What the generation's template says beside the kind's: a length, a modulus or a curve. */
  readonly size: Template;
  /** Bytes of r and of s in an ECDSA signature. */
  readonly fieldLength?: number;
  /** Of making it, of work with the private key, and with the public one. */
  readonly pace: { readonly generate: Pace; readonly private: Pace; readonly public: Pace };
}

/** Which sessions do a piece of work: `slow` from about 100 µs on, `search` for primes up to seconds. */
export type Pace = 'fast' | 'slow' | 'search';

function even(pace: Pace): MaterialSpec['pace'] {
  return { generate: pace, private: pace, public: pace };
}

function secret(kind: DomainKind, keyUsage: KeyUsageType, length: number): MaterialSpec {
  return {
    kinds: { [keyUsage]: kind },
    generation: 'secret',
    keyType: 'CKK_GENERIC_SECRET',
    size: { CKA_VALUE_LEN: length },
    pace: even('fast'),
  };
}

function rsa(modulusBits: number, publicPace: Pace): MaterialSpec {
  return {
    kinds: { ENCRYPT_DECRYPT: 'decrypt', SIGN_VERIFY: 'sign' },
    generation: 'CKM_RSA_PKCS_KEY_PAIR_GEN',
    keyType: 'CKK_RSA',
    size: { CKA_MODULUS_BITS: modulusBits, CKA_PUBLIC_EXPONENT: Buffer.from('010001', 'hex') },
    pace: { generate: 'search', private: 'slow', public: publicPace },
  };
}

/** @param curve object identifier, DER */
function ec(curve: string, fieldLength: number, pace: Pace): MaterialSpec {
  return {
    kinds: { SIGN_VERIFY: 'sign' },
    generation: 'CKM_EC_KEY_PAIR_GEN',
    keyType: 'CKK_EC',
    size: { CKA_EC_PARAMS: Buffer.from(curve, 'hex') },
    fieldLength,
    pace: even(pace),
  };
}

const specs: Readonly<Partial<Record<KeySpec, MaterialSpec>>> = {
  SYMMETRIC_DEFAULT: secret('seal', 'ENCRYPT_DECRYPT', 32),
  HMAC_224: secret('mac', 'GENERATE_VERIFY_MAC', 28),
  HMAC_256: secret('mac', 'GENERATE_VERIFY_MAC', 32),
  HMAC_384: secret('mac', 'GENERATE_VERIFY_MAC', 48),
  HMAC_512: secret('mac', 'GENERATE_VERIFY_MAC', 64),
  RSA_2048: rsa(2048, 'fast'),
  RSA_3072: rsa(3072, 'fast'),
  RSA_4096: rsa(4096, 'slow'),
  ECC_NIST_P256: ec('06082a8648ce3d030107', 32, 'fast'),
  ECC_NIST_P384: ec('06052b81040022', 48, 'slow'),
  ECC_NIST_P521: ec('06052b81040023', 66, 'slow'),
  ECC_SECG_P256K1: ec('06052b8104000a', 32, 'fast'),
};

/** Undefined: no material of this spec can be made. */
export function materialSpec(keySpec: KeySpec): MaterialSpec | undefined {
  return specs[keySpec];
}

export interface SigningRow {
  /** Of the whole message: the token hashes. */
  readonly raw: Mechanism;
  /** Of its digest. */
  readonly digest: Mechanism;
  /** Bytes of the digest. */
  readonly digestLength: number;
  /** What stands before the digest (DigestInfo, RFC 8017 section 9.2, note 1), where the mechanism does not add it. */
  readonly digestPrefix?: Uint8Array;
  /** The token's signature is r || s, and DER for the caller. */
  readonly isEcdsa: boolean;
}

const digestLengths = { 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 } as const;
type SigningHash = keyof typeof digestLengths;

/** MGF1 with the same hash, and a salt as long as the digest, as AWS KMS has it. */
function pss(
  hash: SigningHash,
  raw: Extract<MechanismName, `CKM_SHA${string}_RSA_PKCS_PSS`>,
): SigningRow {
  const saltLength = digestLengths[hash];
  return {
    raw: { mechanism: raw, hash, saltLength },
    digest: { mechanism: 'CKM_RSA_PKCS_PSS', hash, saltLength },
    digestLength: saltLength,
    isEcdsa: false,
  };
}

function pkcs1(
  hash: SigningHash,
  raw: Extract<MechanismName, `CKM_SHA${string}_RSA_PKCS`>,
  digestPrefix: string,
): SigningRow {
  return {
    raw,
    digest: 'CKM_RSA_PKCS',
    digestLength: digestLengths[hash],
    digestPrefix: Buffer.from(digestPrefix, 'hex'),
    isEcdsa: false,
  };
}

function ecdsa(
  hash: SigningHash,
  raw: Extract<MechanismName, `CKM_ECDSA_SHA${string}`>,
): SigningRow {
  return { raw, digest: 'CKM_ECDSA', digestLength: digestLengths[hash], isEcdsa: true };
}

const signing: Readonly<Partial<Record<SigningAlgorithmSpec, SigningRow>>> = {
  RSASSA_PSS_SHA_256: pss('SHA-256', 'CKM_SHA256_RSA_PKCS_PSS'),
  RSASSA_PSS_SHA_384: pss('SHA-384', 'CKM_SHA384_RSA_PKCS_PSS'),
  RSASSA_PSS_SHA_512: pss('SHA-512', 'CKM_SHA512_RSA_PKCS_PSS'),
  RSASSA_PKCS1_V1_5_SHA_256: pkcs1(
    'SHA-256',
    'CKM_SHA256_RSA_PKCS',
    '3031300d060960864801650304020105000420',
  ),
  RSASSA_PKCS1_V1_5_SHA_384: pkcs1(
    'SHA-384',
    'CKM_SHA384_RSA_PKCS',
    '3041300d060960864801650304020205000430',
  ),
  RSASSA_PKCS1_V1_5_SHA_512: pkcs1(
    'SHA-512',
    'CKM_SHA512_RSA_PKCS',
    '3051300d060960864801650304020305000440',
  ),
  ECDSA_SHA_256: ecdsa('SHA-256', 'CKM_ECDSA_SHA256'),
  ECDSA_SHA_384: ecdsa('SHA-384', 'CKM_ECDSA_SHA384'),
  ECDSA_SHA_512: ecdsa('SHA-512', 'CKM_ECDSA_SHA512'),
};

/** @throws TypeError for an algorithm that no key here can have */
export function signingRow(algorithm: SigningAlgorithmSpec): SigningRow {
  const row = signing[algorithm];
  if (row === undefined) throw new TypeError(`${algorithm} is not built`);
  return row;
}

type HmacName = 'CKM_SHA224_HMAC' | 'CKM_SHA256_HMAC' | 'CKM_SHA384_HMAC' | 'CKM_SHA512_HMAC';

export const macMechanisms: Readonly<Record<MacAlgorithmSpec, HmacName>> = {
  HMAC_SHA_224: 'CKM_SHA224_HMAC',
  HMAC_SHA_256: 'CKM_SHA256_HMAC',
  HMAC_SHA_384: 'CKM_SHA384_HMAC',
  HMAC_SHA_512: 'CKM_SHA512_HMAC',
};

/** Empty label; MGF1 with the same hash. */
export const oaepMechanisms: Readonly<Record<RsaEncryptionAlgorithm, OaepMechanism>> = {
  RSAES_OAEP_SHA_1: { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-1' },
  RSAES_OAEP_SHA_256: { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-256' },
};

/** Everything that private keys and MAC keys of a kind may be used with. */
export const mechanismsOf: Readonly<Record<DomainKind, readonly MechanismName[]>> = {
  seal: ['CKM_STRONGROOM_DERIVE_AES_GCM'],
  mac: Object.values(macMechanisms),
  sign: [
    ...new Set(Object.values(signing).flatMap(({ raw, digest }) => [nameOf(raw), nameOf(digest)])),
  ],
  decrypt: ['CKM_RSA_PKCS_OAEP'],
};

function nameOf(mechanism: Mechanism): MechanismName {
  return (typeof mechanism === 'object' ? mechanism.mechanism : mechanism) as MechanismName;
}
