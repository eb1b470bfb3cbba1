/** JSON Web Tokens signed by KMS keys, for every algorithm of RFC 7518 section 3.1 that such keys have: jose verifies them. */
import {
  CreateKeyCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type KMSClient,
  SignCommand,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { createLocalJWKSet, errors, exportJWK, importSPKI, type JWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { fromSpki } from '../support/node-crypto.ts';

interface Row {
  readonly alg: string;
  readonly keySpec: KeySpec;
  readonly algorithm: SigningAlgorithmSpec;
  /** JWS has r and s side by side (RFC 7518 section 3.4), KMS has DER. */
  readonly curve?: typeof p256;
}

const rows: readonly Row[] = [
  { alg: 'ES256', keySpec: 'ECC_NIST_P256', algorithm: 'ECDSA_SHA_256', curve: p256 },
  { alg: 'ES384', keySpec: 'ECC_NIST_P384', algorithm: 'ECDSA_SHA_384', curve: p384 },
  { alg: 'ES512', keySpec: 'ECC_NIST_P521', algorithm: 'ECDSA_SHA_512', curve: p521 },
  { alg: 'RS256', keySpec: 'RSA_2048', algorithm: 'RSASSA_PKCS1_V1_5_SHA_256' },
  { alg: 'RS384', keySpec: 'RSA_2048', algorithm: 'RSASSA_PKCS1_V1_5_SHA_384' },
  { alg: 'RS512', keySpec: 'RSA_3072', algorithm: 'RSASSA_PKCS1_V1_5_SHA_512' },
  { alg: 'PS256', keySpec: 'RSA_2048', algorithm: 'RSASSA_PSS_SHA_256' },
  { alg: 'PS384', keySpec: 'RSA_2048', algorithm: 'RSASSA_PSS_SHA_384' },
  { alg: 'PS512', keySpec: 'RSA_3072', algorithm: 'RSASSA_PSS_SHA_512' },
];

const issuer = 'https://issuer.test';
const audience = 'https://api.test';
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

let server: StartedServer;
let kms: KMSClient;
beforeAll(async () => {
  server = await startServer();
  kms = kmsClient(server);
});
afterAll(async () => {
  kms.destroy();
  await server.stop();
});

/** Compact serialization (RFC 7515 section 7.1). */
async function issue(
  { alg, algorithm, curve }: Row,
  KeyId: string,
  claims: object,
): Promise<string> {
  const signed = `${encode({ alg, typ: 'JWT', kid: KeyId })}.${encode(claims)}`;
  const { Signature } = await kms.send(
    new SignCommand({ KeyId, Message: Buffer.from(signed), SigningAlgorithm: algorithm }),
  );
  const signature = curve
    ? curve.Signature.fromBytes(Signature!, 'der').toBytes('compact')
    : Signature!;
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

async function jwkOf({ alg }: Row, KeyId: string): Promise<JWK> {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
  const pem = fromSpki(PublicKey!).export({ type: 'spki', format: 'pem' });
  return { ...(await exportJWK(await importSPKI(String(pem), alg))), kid: KeyId, alg };
}

it.each(rows)('$alg', async (row) => {
  const [KeyId = '', other = ''] = await Promise.all(
    [0, 1].map(async () => {
      const input = { KeySpec: row.keySpec, KeyUsage: 'SIGN_VERIFY' } as const;
      return (await kms.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId;
    }),
  );
  const keys = createLocalJWKSet({ keys: [await jwkOf(row, KeyId)] });
  const nowS = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: audience, sub: 'ä', iat: nowS, exp: nowS + 60 };
  const token = await issue(row, KeyId, claims);
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience });
  expect(payload).toEqual(claims);
  expect(protectedHeader).toEqual({ alg: row.alg, typ: 'JWT', kid: KeyId });

  const [head, , signature] = token.split('.');
  const altered = `${head}.${encode({ ...claims, sub: 'b' })}.${signature}`;
  await expect(jwtVerify(altered, keys)).rejects.toBeInstanceOf(
    errors.JWSSignatureVerificationFailed,
  );
  // Signed by another key that says it was this one.
  const claimed = `${head}.${token.split('.')[1]}.${(await issue(row, other, claims)).split('.')[2]}`;
  await expect(jwtVerify(claimed, keys)).rejects.toBeInstanceOf(
    errors.JWSSignatureVerificationFailed,
  );
});
