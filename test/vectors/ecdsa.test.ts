/**
 * ECDSA (FIPS 186-5 section 6) through session, frame and token: messages that the token hashes, and digests. Signatures in
 * DER pass the reader that the KMS has for them.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { ecdsaFromDer, ecdsaToDer } from '../../src/keystore/ecdsa-signature.ts';
import { importPublicKey, openMemoryDevice } from '../support/memory-device.ts';
import { filesOf, hex, mechanismOf, perGroup, runVectors } from './wycheproof.ts';

/** Bytes of r and of s. */
const fieldLengths: Readonly<Record<string, number>> = {
  secp256r1: 32,
  secp384r1: 48,
  secp521r1: 66,
  secp256k1: 32,
};

it.each(filesOf('ecdsa_'))('%s', async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const fieldLength = fieldLengths[file.split('_')[1]!]!;
  const isDer = !file.includes('_p1363_');
  const publicKey = perGroup(
    ({ publicKeyDer }) => importPublicKey(session, hex(publicKeyDer), { CKA_VERIFY: true }),
    (key) => session.destroyObject(key),
  );
  await runVectors(file, async (vector, group) => {
    const key = await publicKey(group);
    const message = hex(vector.msg);
    const digest = createHash(group.sha.replace('-', '')).update(message).digest();
    const signature = isDer ? ecdsaFromDer(hex(vector.sig), fieldLength) : hex(vector.sig);
    const valid = vector.result === 'valid';
    // A form that is not DER ends here: the KMS answers it as it answers a wrong signature.
    if (signature === undefined) {
      expect(valid, `tcId ${vector.tcId}`).toBe(false);
      return undefined;
    }
    // One signature, one form: what was read is written as it was.
    if (isDer) expect(Buffer.from(ecdsaToDer(signature)).toString('hex')).toBe(vector.sig);
    const hashing = mechanismOf('ECDSA_', group.sha);
    const attempts = [
      await session.verify(hashing, key, message, signature),
      await session.verify('CKM_ECDSA', key, digest, signature),
    ];
    expect(attempts, `tcId ${vector.tcId}`).toEqual([valid, valid]);
    return undefined;
  });
});
