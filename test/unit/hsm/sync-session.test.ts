/** Signatures on the calling thread: what is quick is done there, what is slow says so and is left to `session`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mechanism, ObjectHandle, Session, SyncSession } from '../../../src/hsm/index.ts';
import { type CurveName, ecPair, message, rsaPair } from '../../support/key-pairs.ts';
import { type MemoryDevice, openMemoryDevice } from '../../support/memory-device.ts';

const pss = { mechanism: 'CKM_SHA256_RSA_PKCS_PSS', hash: 'SHA-256' } as const;
const other = Buffer.from('another message');

let under: MemoryDevice;
let session: Session;
let sync: SyncSession;
beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
  if (session.sync === undefined) throw new Error('the link cannot execute on this thread');
  ({ sync } = session);
});
afterAll(() => under[Symbol.asyncDispose]());

const isBusy = (call: () => unknown): void =>
  expect(call).toThrow(expect.objectContaining({ ckr: 'CKR_STRONGROOM_BUSY' }));

describe('a synchronous session', () => {
  it.each<CurveName>(['P256', 'secp256k1'])('signs and verifies on %s', async (curve) => {
    const { publicKey, privateKey } = await ecPair(session, curve);
    // The awaited call runs the algorithm's self-test where that is still to be done.
    const awaited = await session.sign('CKM_ECDSA_SHA256', privateKey, message);
    const signature = sync.sign('CKM_ECDSA_SHA256', privateKey, message);
    expect(sync.verify('CKM_ECDSA_SHA256', publicKey, message, awaited)).toBe(true);
    expect(sync.verify('CKM_ECDSA_SHA256', publicKey, message, signature)).toBe(true);
    expect(sync.verify('CKM_ECDSA_SHA256', publicKey, other, signature)).toBe(false);
    expect(await session.verify('CKM_ECDSA_SHA256', publicKey, message, signature)).toBe(true);
  });

  it('leaves longer curves to the awaited session', async () => {
    const { publicKey, privateKey } = await ecPair(session, 'P384');
    const signature = await session.sign('CKM_ECDSA_SHA384', privateKey, message);
    isBusy(() => sync.sign('CKM_ECDSA_SHA384', privateKey, message));
    isBusy(() => sync.verify('CKM_ECDSA_SHA384', publicKey, message, signature));
    expect(await session.verify('CKM_ECDSA_SHA384', publicKey, message, signature)).toBe(true);
  });

  it('verifies by RSA, and leaves signing to the awaited session', async () => {
    const { publicKey, privateKey } = await rsaPair(session);
    const mechanisms: Mechanism[] = ['CKM_SHA256_RSA_PKCS', pss];
    for (const mechanism of mechanisms) {
      isBusy(() => sync.sign(mechanism, privateKey, message));
      const signature = await session.sign(mechanism, privateKey, message);
      expect(sync.verify(mechanism, publicKey, message, signature)).toBe(true);
      expect(sync.verify(mechanism, publicKey, other, signature)).toBe(false);
      expect(sync.verify(mechanism, publicKey, message, signature.subarray(1))).toBe(false);
    }
  });

  it('answers what else is wrong as the awaited session does', async () => {
    const { publicKey } = await ecPair(session, 'P256');
    const asked: [Mechanism, ObjectHandle][] = [
      ['CKM_ECDSA_SHA256', publicKey],
      ['CKM_SHA256_HMAC', publicKey],
      ['CKM_ECDSA_SHA256', 4711 as ObjectHandle],
    ];
    for (const [mechanism, key] of asked) {
      const { ckr } = await session.sign(mechanism, key, message).then(
        () => ({ ckr: 'CKR_OK' }),
        (error: { ckr: string }) => error,
      );
      expect(ckr).not.toBe('CKR_OK');
      expect(() => sync.sign(mechanism, key, message)).toThrow(expect.objectContaining({ ckr }));
    }
  });
});
