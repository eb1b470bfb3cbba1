/** AES-GCM through session, frame and token: single part and message-based. */
import { expect, it } from 'vitest';
import { CkrError } from '../../src/hsm/index.ts';
import { importKey, openMemoryDevice } from '../support/memory-device.ts';
import { hex, runVectors } from './wycheproof.ts';

const IV_BYTES_MAX = 256;

it('aes_gcm_test.json', async () => {
  await using token = await openMemoryDevice();
  const { session } = token;
  await runVectors('aes_gcm_test.json', async (vector, group) => {
    const [iv, additionalData, plaintext] = [hex(vector.iv), hex(vector.aad), hex(vector.msg)];
    const [ciphertext, tag] = [hex(vector.ct), hex(vector.tag)];
    const whole = Buffer.concat([ciphertext, tag]);
    const usage = { CKA_ENCRYPT: true, CKA_DECRYPT: true };
    const key = await importKey(session, 'CKK_AES', hex(vector.key), usage);
    const mechanism = {
      mechanism: 'CKM_AES_GCM',
      iv,
      additionalData,
      tagBits: group.tagSize,
    } as const;
    try {
      if (iv.length === 0 || iv.length > IV_BYTES_MAX) {
        const refused = await session.encrypt(mechanism, key, plaintext).catch((error) => error);
        expect(refused, `tcId ${vector.tcId}`).toMatchObject({
          ckr: 'CKR_MECHANISM_PARAM_INVALID',
        });
        return iv.length === 0 ? undefined : 'with an IV of more than 256 bytes, refused';
      }
      if (vector.result === 'valid') {
        expect(Buffer.from(await session.encrypt(mechanism, key, plaintext))).toEqual(whole);
        expect(Buffer.from(await session.decrypt(mechanism, key, whole))).toEqual(
          Buffer.from(plaintext),
        );
        const message = { iv, additionalData, tagBits: group.tagSize };
        const made = await session.encryptMessage(key, message, plaintext);
        expect(Buffer.concat([made.ciphertext, made.tag])).toEqual(whole);
        const opened = await session.decryptMessage(key, { ...message, tag }, ciphertext);
        expect(Buffer.from(opened)).toEqual(Buffer.from(plaintext));
      } else {
        for (const attempt of [
          () => session.decrypt(mechanism, key, whole),
          () => session.decryptMessage(key, { iv, additionalData, tag }, ciphertext),
        ]) {
          const error = await attempt().catch((reason: unknown) => reason);
          expect(error, `tcId ${vector.tcId}`).toBeInstanceOf(CkrError);
          expect(['CKR_ENCRYPTED_DATA_INVALID', 'CKR_AEAD_DECRYPT_FAILED']).toContain(
            (error as CkrError).ckr,
          );
        }
      }
    } finally {
      await session.destroyObject(key);
    }
    return undefined;
  });
});
