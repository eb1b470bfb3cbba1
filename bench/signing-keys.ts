/**
 * One key pair in every form that the signature cases need: of node:crypto, as DER for the C loops, as session objects
 * of both tokens, and as bytes for noble.
 */
import type { KeyObject } from 'node:crypto';
import { publicKeyTemplate, type Template } from '../src/hsm/index.ts';
import type { TokenKey } from './loops.ts';

export interface SigningKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** PKCS#8. */
  readonly privateDer: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly publicDer: Buffer;
  readonly tokenPrivate: TokenKey;
  readonly tokenPublic: TokenKey;
  /** EC alone: the private number, and the public point, uncompressed. */
  readonly scalar: Buffer;
  readonly point: Buffer;
}

export async function signingKeys(
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  createKey: (template: Template) => Promise<TokenKey>,
): Promise<SigningKeys> {
  const publicDer = publicKey.export({ type: 'spki', format: 'der' });
  const publicParts = publicKeyTemplate(publicDer);
  const jwk = privateKey.export({ format: 'jwk' });
  const part = (name: string): Buffer => Buffer.from(String(jwk[name] ?? ''), 'base64url');
  const privateParts: Template =
    publicParts.CKA_KEY_TYPE === 'CKK_RSA'
      ? {
          CKA_PRIVATE_EXPONENT: part('d'),
          CKA_PRIME_1: part('p'),
          CKA_PRIME_2: part('q'),
          CKA_EXPONENT_1: part('dp'),
          CKA_EXPONENT_2: part('dq'),
          CKA_COEFFICIENT: part('qi'),
        }
      : { CKA_VALUE: part('d') };
  const { CKA_EC_POINT: _point, ...inBoth } = publicParts;
  return {
    privateKey,
    publicKey,
    privateDer: privateKey.export({ type: 'pkcs8', format: 'der' }),
    publicDer,
    tokenPublic: await createKey({ ...publicParts, CKA_TOKEN: false, CKA_VERIFY: true }),
    tokenPrivate: await createKey({
      ...inBoth,
      ...privateParts,
      CKA_CLASS: 'CKO_PRIVATE_KEY',
      CKA_TOKEN: false,
      CKA_SENSITIVE: true,
      CKA_EXTRACTABLE: false,
      CKA_SIGN: true,
    }),
    scalar: part('d'),
    point: Buffer.concat([Buffer.of(4), part('x'), part('y')]),
  };
}
