/** AES-KW and AES-KWP (SP 800-38F 6.2, 6.3) through session, frame and token: wrapping and unwrapping of keys. */
import { expect, it } from 'vitest';
import { CkrError } from '../../src/hsm/index.ts';
import { importKey, openMemoryDevice } from '../support/memory-device.ts';
import { hex, runVectors } from './wycheproof.ts';

it.each([
  ['aes_wrap_test.json', 'CKM_AES_KEY_WRAP'],
  ['aes_kwp_test.json', 'CKM_AES_KEY_WRAP_KWP'],
] as const)('%s', async (file, mechanism) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  await runVectors(file, async (vector) => {
    const [value, wrapped] = [hex(vector.msg), hex(vector.ct)];
    const usage = { CKA_WRAP: true, CKA_UNWRAP: true };
    const wrapping = await importKey(session, 'CKK_AES', hex(vector.key), usage);
    const template = {
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
      CKA_TOKEN: false,
      CKA_SENSITIVE: false,
      CKA_EXTRACTABLE: true,
    } as const;
    try {
      const unwrap = session.unwrapKey(mechanism, wrapping, wrapped, template);
      // What is acceptable is a key of one semiblock, which RFC 3394 does not wrap.
      if (vector.result !== 'valid') {
        const error = await unwrap.catch((reason: unknown) => reason);
        expect(error, `tcId ${vector.tcId}`).toBeInstanceOf(CkrError);
        expect(['CKR_WRAPPED_KEY_INVALID', 'CKR_WRAPPED_KEY_LEN_RANGE']).toContain(
          (error as CkrError).ckr,
        );
        return undefined;
      }
      const unwrapped = await unwrap;
      const { CKA_VALUE } = await session.getAttributes(unwrapped, ['CKA_VALUE']);
      expect(Buffer.from(CKA_VALUE!), `tcId ${vector.tcId}`).toEqual(Buffer.from(value));
      const key = await importKey(session, 'CKK_GENERIC_SECRET', value, {});
      const again = await session.wrapKey(mechanism, wrapping, key);
      expect(Buffer.from(again), `tcId ${vector.tcId}`).toEqual(Buffer.from(wrapped));
      await session.destroyObject(key);
      await session.destroyObject(unwrapped);
      return undefined;
    } finally {
      await session.destroyObject(wrapping);
    }
  });
});
