/** HMAC-SHA-256 (FIPS 198-1) through session, frame and token: whole and truncated MACs. */
import { expect, it } from 'vitest';
import type { Mechanism } from '../../src/hsm/index.ts';
import { importKey, openMemoryDevice } from '../support/memory-device.ts';
import { hex, runVectors } from './wycheproof.ts';

it('hmac_sha256_test.json', async () => {
  await using token = await openMemoryDevice();
  const { session } = token;
  await runVectors('hmac_sha256_test.json', async (vector, group) => {
    const [message, mac] = [hex(vector.msg), hex(vector.tag)];
    const usage = { CKA_SIGN: true, CKA_VERIFY: true };
    const key = await importKey(session, 'CKK_GENERIC_SECRET', hex(vector.key), usage);
    const mechanism: Mechanism =
      group.tagSize === 256
        ? 'CKM_SHA256_HMAC'
        : { mechanism: 'CKM_SHA256_HMAC_GENERAL', macLength: group.tagSize / 8 };
    const valid = vector.result === 'valid';
    expect(await session.verify(mechanism, key, message, mac), `tcId ${vector.tcId}`).toBe(valid);
    const made = Buffer.from(await session.sign(mechanism, key, message));
    expect(made.equals(mac), `tcId ${vector.tcId}`).toBe(valid);
    await session.destroyObject(key);
    return undefined;
  });
});
