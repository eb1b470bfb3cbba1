/**
 * Mechanisms of the standard that people look for, in its order. Those that the token has are not missing, so the list
 * of what it lacks is made when it is asked for.
 */
import type { MechanismName } from '../../hsm/index.ts';

/** By what they are for. */
const LOOKED_FOR: Readonly<Record<string, readonly string[]>> = {
  RSA: [
    ...['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_X9_31_KEY_PAIR_GEN', 'CKM_RSA_PKCS', 'CKM_RSA_X_509'],
    ...['CKM_RSA_PKCS_OAEP', 'CKM_RSA_PKCS_PSS', 'CKM_RSA_AES_KEY_WRAP', 'CKM_RSA_9796'],
    ...['CKM_SHA3_256_RSA_PKCS', 'CKM_SHA3_256_RSA_PKCS_PSS'],
  ],
  'elliptic curves': [
    ...[
      'CKM_EC_KEY_PAIR_GEN',
      'CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS',
      'CKM_ECDSA',
      'CKM_ECDSA_SHA3_256',
    ],
    ...[
      'CKM_ECDH1_DERIVE',
      'CKM_ECDH1_COFACTOR_DERIVE',
      'CKM_ECMQV_DERIVE',
      'CKM_ECDH_AES_KEY_WRAP',
    ],
    ...['CKM_EC_EDWARDS_KEY_PAIR_GEN', 'CKM_EDDSA', 'CKM_EC_MONTGOMERY_KEY_PAIR_GEN', 'CKM_XEDDSA'],
  ],
  'post-quantum': [
    ...['CKM_ML_DSA_KEY_PAIR_GEN', 'CKM_ML_DSA', 'CKM_HASH_ML_DSA', 'CKM_ML_KEM_KEY_PAIR_GEN'],
    ...[
      'CKM_ML_KEM',
      'CKM_SLH_DSA_KEY_PAIR_GEN',
      'CKM_SLH_DSA',
      'CKM_HSS',
      'CKM_XMSS',
      'CKM_XMSSMT',
    ],
  ],
  AES: [
    ...['CKM_AES_KEY_GEN', 'CKM_AES_ECB', 'CKM_AES_CBC', 'CKM_AES_CBC_PAD', 'CKM_AES_CTR'],
    ...[
      'CKM_AES_CTS',
      'CKM_AES_OFB',
      'CKM_AES_CFB8',
      'CKM_AES_CFB128',
      'CKM_AES_GCM',
      'CKM_AES_CCM',
    ],
    ...['CKM_AES_XTS', 'CKM_AES_CMAC', 'CKM_AES_CMAC_GENERAL', 'CKM_AES_GMAC', 'CKM_AES_MAC'],
    ...[
      'CKM_AES_KEY_WRAP',
      'CKM_AES_KEY_WRAP_PAD',
      'CKM_AES_KEY_WRAP_KWP',
      'CKM_AES_KEY_WRAP_PKCS7',
    ],
    ...['CKM_AES_ECB_ENCRYPT_DATA', 'CKM_AES_CBC_ENCRYPT_DATA'],
  ],
  'other ciphers': [
    ...['CKM_CHACHA20_KEY_GEN', 'CKM_CHACHA20', 'CKM_CHACHA20_POLY1305', 'CKM_POLY1305'],
    ...['CKM_DES3_KEY_GEN', 'CKM_DES3_CBC_PAD', 'CKM_CAMELLIA_CBC', 'CKM_ARIA_CBC', 'CKM_SEED_CBC'],
  ],
  'hashes and MACs': [
    ...['CKM_MD5', 'CKM_SHA_1', 'CKM_SHA224', 'CKM_SHA256', 'CKM_SHA384', 'CKM_SHA512'],
    ...['CKM_SHA512_224', 'CKM_SHA512_256', 'CKM_SHA3_224', 'CKM_SHA3_256', 'CKM_SHA3_384'],
    ...['CKM_SHA3_512', 'CKM_BLAKE2B_256', 'CKM_BLAKE2B_512', 'CKM_MD5_HMAC', 'CKM_SHA_1_HMAC'],
    ...['CKM_SHA256_HMAC', 'CKM_SHA512_HMAC', 'CKM_SHA512_256_HMAC', 'CKM_SHA3_256_HMAC'],
  ],
  'keys from keys': [
    ...['CKM_GENERIC_SECRET_KEY_GEN', 'CKM_HKDF_KEY_GEN', 'CKM_HKDF_DERIVE', 'CKM_HKDF_DATA'],
    ...['CKM_SP800_108_COUNTER_KDF', 'CKM_SP800_108_FEEDBACK_KDF'],
    ...['CKM_SP800_108_DOUBLE_PIPELINE_KDF', 'CKM_PKCS5_PBKD2', 'CKM_SHA256_KEY_DERIVATION'],
    ...['CKM_CONCATENATE_BASE_AND_KEY', 'CKM_CONCATENATE_BASE_AND_DATA', 'CKM_XOR_BASE_AND_DATA'],
    ...['CKM_EXTRACT_KEY_FROM_KEY', 'CKM_TLS12_MASTER_KEY_DERIVE', 'CKM_TLS12_KEY_AND_MAC_DERIVE'],
  ],
  'finite fields': [
    ...['CKM_DSA_KEY_PAIR_GEN', 'CKM_DSA', 'CKM_DH_PKCS_KEY_PAIR_GEN', 'CKM_DH_PKCS_DERIVE'],
  ],
};

/** What of the list is not among these, by what it is for. */
export function missingMechanisms(
  has: readonly (MechanismName | number)[],
): Readonly<Record<string, readonly string[]>> {
  const known = new Set<string | number>(has);
  return Object.fromEntries(
    Object.entries(LOOKED_FOR)
      .map(([purpose, names]) => [purpose, names.filter((name) => !known.has(name))] as const)
      .filter(([, names]) => names.length > 0),
  );
}
