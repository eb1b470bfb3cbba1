/**
 * Key pairs for tests: curves and hashes by all their names, and pairs as session objects.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { HashName, KeyPair, ObjectHandle, Session, Template } from '../../src/hsm/index.ts';

export const none: Uint8Array = new Uint8Array(0);
export const message: Buffer = Buffer.from('a message to be signed');

/** CKA_EC_PARAMS, the curve of @noble/curves, and the bytes of a coordinate. */
export const curves = {
  P256: { parameters: Buffer.from('06082a8648ce3d030107', 'hex'), noble: p256, width: 32 },
  P384: { parameters: Buffer.from('06052b81040022', 'hex'), noble: p384, width: 48 },
  P521: { parameters: Buffer.from('06052b81040023', 'hex'), noble: p521, width: 66 },
  secp256k1: { parameters: Buffer.from('06052b8104000a', 'hex'), noble: secp256k1, width: 32 },
} as const;
export type CurveName = keyof typeof curves;

/** A hash's name in this project, in node:crypto and in the names of mechanisms. */
export const hashes = [
  { name: 'SHA-1', node: 'sha1', part: 'SHA1' },
  { name: 'SHA-224', node: 'sha224', part: 'SHA224' },
  { name: 'SHA-256', node: 'sha256', part: 'SHA256' },
  { name: 'SHA-384', node: 'sha384', part: 'SHA384' },
  { name: 'SHA-512', node: 'sha512', part: 'SHA512' },
] as const satisfies readonly { name: HashName; node: string; part: string }[];

export const rsaPair = (
  session: Session,
  publicMore: Template = {},
  privateMore: Template = {},
): Promise<KeyPair> =>
  session.generateKeyPair(
    'CKM_RSA_PKCS_KEY_PAIR_GEN',
    { CKA_MODULUS_BITS: 2048, ...publicMore },
    privateMore,
  );

export const ecPair = (
  session: Session,
  curve: CurveName,
  privateMore: Template = {},
): Promise<KeyPair> =>
  session.generateKeyPair(
    'CKM_EC_KEY_PAIR_GEN',
    { CKA_EC_PARAMS: curves[curve].parameters },
    privateMore,
  );

/** The public half for node:crypto. */
export async function nodeKey(session: Session, key: ObjectHandle): Promise<KeyObject> {
  const { CKA_PUBLIC_KEY_INFO: info } = await session.getAttributes(key, ['CKA_PUBLIC_KEY_INFO']);
  return createPublicKey({ key: Buffer.from(info ?? none), format: 'der', type: 'spki' });
}

/** The name of a call's return value. */
export const ckr = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'CKR_OK',
    (error: { ckr?: string }) => error.ckr ?? error,
  );
