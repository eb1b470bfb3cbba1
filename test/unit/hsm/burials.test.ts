/** Session.buryWrapped: what was buried is not unwrapped again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectHandle, Session } from '../../../src/hsm/index.ts';
import { ckr } from '../../support/key-pairs.ts';
import { type MemoryDevice, openMemoryDevice } from '../../support/memory-device.ts';

let under: MemoryDevice;
let session: Session;
let keys: readonly [ObjectHandle, ObjectHandle];

const newWrappingKey = (onToken = true): Promise<ObjectHandle> =>
  session.generateKey('CKM_AES_KEY_GEN', {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_VALUE_LEN: 32,
    CKA_TOKEN: onToken,
    CKA_WRAP: true,
    CKA_UNWRAP: true,
  });

beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
  keys = [await newWrappingKey(), await newWrappingKey()];
});
afterAll(() => under[Symbol.asyncDispose]());

async function wrapped(key: ObjectHandle, additionalData: Uint8Array) {
  const secret = await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_VALUE_LEN: 32,
    CKA_EXTRACTABLE: true,
  });
  const made = await session.wrapKeyAuthenticated(
    { mechanism: 'CKM_AES_GCM' },
    key,
    secret,
    additionalData,
  );
  return () =>
    ckr(
      session.unwrapKeyAuthenticated(
        { mechanism: 'CKM_AES_GCM', iv: made.iv },
        key,
        made.wrapped,
        { CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' },
        additionalData,
      ),
    );
}

describe('buryWrapped', () => {
  it('closes what it names, of any length, and nothing else', async () => {
    const texts = ['', 'x', 'y'.repeat(1000)].map((text) => Buffer.from(text));
    const all = await Promise.all(
      keys.flatMap((key) => texts.map((additionalData) => wrapped(key, additionalData))),
    );
    const answers = () => Promise.all(all.map((unwrap) => unwrap()));
    expect(new Set(await answers())).toEqual(new Set(['CKR_OK']));
    const [one, two] = keys;
    const [empty, short, long] = texts as [Buffer, Buffer, Buffer];
    const burials = [
      { key: one, additionalData: empty },
      { key: two, additionalData: long },
      { key: one, additionalData: short },
    ];
    await session.buryWrapped(burials);
    const [gone, ok] = ['CKR_WRAPPED_KEY_INVALID', 'CKR_OK'];
    expect(await answers()).toEqual([gone, gone, ok, ok, ok, gone]);
    await session.buryWrapped(burials);
    expect(await answers()).toEqual([gone, gone, ok, ok, ok, gone]);
  });

  it('buries 1,024 in one call', async () => {
    const texts = Array.from({ length: 1024 }, (_, i) => Buffer.from(`${i} `.repeat(60)));
    const unwraps = await Promise.all([0, 511, 1023].map((i) => wrapped(keys[0], texts[i]!)));
    const burials = texts.map((additionalData) => ({ key: keys[0], additionalData }));
    await session.buryWrapped(burials);
    for (const unwrap of unwraps) expect(await unwrap()).toBe('CKR_WRAPPED_KEY_INVALID');
    expect(await ckr(session.buryWrapped([...burials, ...burials]))).toBe(
      'CKR_STRONGROOM_FRAME_INVALID',
    );
  });

  it('refuses what it cannot bury, and buries none of it', async () => {
    const additionalData = Buffer.from('kept');
    const unwrap = await wrapped(keys[0], additionalData);
    const passing = await newWrappingKey(false);
    const one = { key: keys[0], additionalData };
    const bury = (...more: ObjectHandle[]) =>
      ckr(session.buryWrapped([one, ...more.map((key) => ({ key, additionalData }))]));
    expect(await bury(passing)).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await bury(99 as ObjectHandle)).toBe('CKR_UNWRAPPING_KEY_HANDLE_INVALID');
    expect(await ckr(session.buryWrapped([]))).toBe('CKR_ARGUMENTS_BAD');
    {
      await using readOnly = await under.slot.openSession();
      expect(await ckr(readOnly.buryWrapped([one]))).toBe('CKR_SESSION_READ_ONLY');
    }
    expect(await unwrap()).toBe('CKR_OK');
  });
});
