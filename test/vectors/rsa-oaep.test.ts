/** RSAES-OAEP (RFC 8017 section 7.1) through session, frame and token, by private keys that were unwrapped. */
import { expect, it } from 'vitest';
import { CkrError, type OaepMechanism } from '../../src/hsm/index.ts';
import { openMemoryDevice, unwrapPrivateKey } from '../support/memory-device.ts';
import { filesOf, hex, perGroup, runVectors } from './wycheproof.ts';

it.each(filesOf('rsa_oaep_'))('%s', { timeout: 240_000 }, async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const usage = { CKA_DECRYPT: true };
  const privateKey = perGroup(
    ({ privateKeyPkcs8 }) =>
      unwrapPrivateKey(session, 'CKK_RSA', hex(privateKeyPkcs8), usage).catch(refusalOf),
    async (key) => {
      if (typeof key !== 'string') await session.destroyObject(key);
    },
  );
  await runVectors(file, async (vector, group) => {
    const key = await privateKey(group);
    if (typeof key === 'string') {
      expect(group.keySize < 2048 || group.keySize > 4096, `${group.keySize} bits`).toBe(true);
      expect(['CKR_WRAPPED_KEY_INVALID', 'CKR_WRAPPED_KEY_LEN_RANGE']).toContain(key);
      return 'with a modulus of less than 2,048 or more than 4,096 bits, refused';
    }
    const mechanism: OaepMechanism = {
      mechanism: 'CKM_RSA_PKCS_OAEP',
      hash: group.sha,
      mgf1: group.mgfSha,
      label: hex(vector.label),
    };
    const opened = session.decrypt(mechanism, key, hex(vector.ct));
    if (vector.result === 'invalid') {
      const ckr = await opened.then(() => 'decrypted', refusalOf);
      expect(['CKR_ENCRYPTED_DATA_INVALID', 'CKR_ENCRYPTED_DATA_LEN_RANGE']).toContain(ckr);
    } else {
      expect(Buffer.from(await opened).toString('hex'), `tcId ${vector.tcId}`).toBe(vector.msg);
    }
    return undefined;
  });
});

function refusalOf(error: unknown): string {
  expect(error).toBeInstanceOf(CkrError);
  return (error as CkrError).ckr;
}
