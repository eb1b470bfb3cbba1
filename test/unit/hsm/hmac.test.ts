/** HMAC with every hash; checked by node:crypto. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MechanismName, Session } from '../../../src/hsm/index.ts';
import { ckr, hashes, message } from '../../support/key-pairs.ts';
import { importKey, type MemoryDevice, openMemoryDevice } from '../../support/memory-device.ts';

let under: MemoryDevice;
let session: Session;
beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
});
afterAll(() => under[Symbol.asyncDispose]());

describe('HMAC', () => {
  for (const { node, part } of hashes) {
    it(`with ${part} is what node makes`, async () => {
      const value = Buffer.alloc(40, 3);
      const name = part === 'SHA1' ? 'SHA_1' : part;
      const generic = await importKey(session, 'CKK_GENERIC_SECRET', value, {
        CKA_SIGN: true,
        CKA_VERIFY: true,
      });
      const typed = await session.createObject({
        CKA_CLASS: 'CKO_SECRET_KEY',
        CKA_KEY_TYPE: `CKK_${name}_HMAC` as 'CKK_SHA256_HMAC',
        CKA_VALUE: value,
      });
      const mechanism = `CKM_${name}_HMAC` as 'CKM_SHA256_HMAC';
      const expected = createHmac(node, value).update(message).digest();
      for (const key of [generic, typed]) {
        expect(Buffer.from(await session.sign(mechanism, key, message))).toEqual(expected);
        expect(await session.verify(mechanism, key, message, expected)).toBe(true);
        expect(await session.verify(mechanism, key, message, expected.subarray(1))).toBe(false);
        const cut = {
          mechanism: `CKM_${name}_HMAC_GENERAL` as 'CKM_SHA256_HMAC_GENERAL',
          macLength: 10,
        };
        expect(Buffer.from(await session.sign(cut, key, message))).toEqual(
          expected.subarray(0, 10),
        );
        expect(
          await ckr(session.sign({ ...cut, macLength: expected.length + 1 }, key, message)),
        ).toBe('CKR_MECHANISM_PARAM_INVALID');
      }
      const another = part === 'SHA512' ? 'CKM_SHA256_HMAC' : 'CKM_SHA512_HMAC';
      expect(await ckr(session.sign(another satisfies MechanismName, typed, message))).toBe(
        'CKR_KEY_TYPE_INCONSISTENT',
      );
    });
  }
});
