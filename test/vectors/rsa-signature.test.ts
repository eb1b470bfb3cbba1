/**
 * RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 section 8) through session, frame and token: messages that the token hashes,
 * and digests. Private keys get in by being unwrapped.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { HashName, Session } from '../../src/hsm/index.ts';
import { importPublicKey, openMemoryDevice, unwrapPrivateKey } from '../support/memory-device.ts';
import { digestInfo } from '../support/node-crypto.ts';
import { filesOf, type Group, hex, mechanismOf, perGroup, runVectors } from './wycheproof.ts';

const digestOf = (hash: HashName, message: Uint8Array): Buffer =>
  createHash(hash.replace('-', '')).update(message).digest();
function infoOf(hash: HashName, message: Uint8Array): Buffer {
  const digest = digestOf(hash, message);
  return Buffer.concat([hex(digestInfo[digest.length]!), digest]);
}

const publicKeys = (session: Session) =>
  perGroup(
    ({ publicKeyDer }: Group) => importPublicKey(session, hex(publicKeyDer), { CKA_VERIFY: true }),
    (key) => session.destroyObject(key),
  );

it.each(filesOf('rsa_signature_'))('%s', async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const publicKey = publicKeys(session);
  await runVectors(file, async (vector, group) => {
    const key = await publicKey(group);
    const [message, signature] = [hex(vector.msg), hex(vector.sig)];
    // What may be accepted (parameters left out of the DigestInfo) is not: there is one form only.
    const valid = vector.result === 'valid';
    const attempts = [
      await session.verify(mechanismOf('', group.sha, '_RSA_PKCS'), key, message, signature),
      await session.verify('CKM_RSA_PKCS', key, infoOf(group.sha, message), signature),
    ];
    expect(attempts, `tcId ${vector.tcId}`).toEqual([valid, valid]);
    return undefined;
  });
});

it.each(filesOf('rsa_pkcs1_'))('%s', { timeout: 240_000 }, async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const privateKey = perGroup(
    ({ privateKeyPkcs8 }) =>
      unwrapPrivateKey(session, 'CKK_RSA', hex(privateKeyPkcs8), { CKA_SIGN: true }),
    (key) => session.destroyObject(key),
  );
  await runVectors(file, async (vector, group) => {
    const key = await privateKey(group);
    const message = hex(vector.msg);
    for (const made of [
      await session.sign(mechanismOf('', group.sha, '_RSA_PKCS'), key, message),
      await session.sign('CKM_RSA_PKCS', key, infoOf(group.sha, message)),
    ]) {
      expect(Buffer.from(made).toString('hex'), `tcId ${vector.tcId}`).toBe(vector.sig);
    }
    return undefined;
  });
});

it.each(filesOf('rsa_pss_'))('%s', async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const publicKey = publicKeys(session);
  await runVectors(file, async (vector, group) => {
    const key = await publicKey(group);
    const [message, signature] = [hex(vector.msg), hex(vector.sig)];
    const { sha: hash, mgfSha: mgf1, sLen: saltLength } = group;
    const parameters = { hash, mgf1, saltLength };
    const hashing = { mechanism: mechanismOf('', hash, '_RSA_PKCS_PSS'), ...parameters };
    const ofDigest = { mechanism: 'CKM_RSA_PKCS_PSS', ...parameters } as const;
    const valid = vector.result === 'valid';
    const attempts = [
      await session.verify(hashing, key, message, signature),
      await session.verify(ofDigest, key, digestOf(hash, message), signature),
    ];
    expect(attempts, `tcId ${vector.tcId}`).toEqual([valid, valid]);
    return undefined;
  });
});
