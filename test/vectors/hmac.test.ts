/** HMAC (FIPS 198-1) with each hash through session, frame and token: whole and truncated MACs, by keys of either type. */
import { expect, it } from 'vitest';
import type { HmacGeneralMechanism } from '../../src/hsm/index.ts';
import { importKey, openMemoryDevice } from '../support/memory-device.ts';
import { filesOf, hex, runVectors } from './wycheproof.ts';

const hashes = {
  'hmac_sha224_test.json': { name: 'SHA224', bits: 224 },
  'hmac_sha256_test.json': { name: 'SHA256', bits: 256 },
  'hmac_sha384_test.json': { name: 'SHA384', bits: 384 },
  'hmac_sha512_test.json': { name: 'SHA512', bits: 512 },
} as const;

it.each(filesOf('hmac_') as (keyof typeof hashes)[])('%s', async (file) => {
  await using token = await openMemoryDevice();
  const { session } = token;
  const { name, bits } = hashes[file];
  const usage = { CKA_SIGN: true, CKA_VERIFY: true };
  await runVectors(file, async (vector, group) => {
    const [message, mac] = [hex(vector.msg), hex(vector.tag)];
    const general: HmacGeneralMechanism = {
      mechanism: `CKM_${name}_HMAC_GENERAL`,
      macLength: group.tagSize / 8,
    };
    const mechanism = group.tagSize === bits ? (`CKM_${name}_HMAC` as const) : general;
    const valid = vector.result === 'valid';
    for (const keyType of ['CKK_GENERIC_SECRET', `CKK_${name}_HMAC`] as const) {
      const key = await importKey(session, keyType, hex(vector.key), usage);
      expect(await session.verify(mechanism, key, message, mac), `tcId ${vector.tcId}`).toBe(valid);
      const made = Buffer.from(await session.sign(mechanism, key, message));
      expect(made.equals(mac), `tcId ${vector.tcId}`).toBe(valid);
      await session.destroyObject(key);
    }
    return undefined;
  });
});
