/**
 * RegionDomain over the token: results that are there without a promise, and calls whose first try came to nothing.
 */
import type { KeySpec } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device, Slot } from '../../src/hsm/index.ts';
import {
  type KeyMaterial,
  MessageAuthenticationError,
  type SealedMessage,
} from '../../src/keystore/key-store.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { newBinding } from '../support/material.ts';
import { initializeToken, SO_PIN, USER_PIN } from '../support/memory-device.ts';
import { fromSpki, isSignature } from '../support/node-crypto.ts';

const region = 'eu-central-1';
const context = Buffer.from('additional data');
const message = Buffer.from('plaintext');

let device: Device;
let slot: Slot;
let domain: RegionDomain;
let material: KeyMaterial;
let sealed: SealedMessage;

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  [slot] = (await device.slots()) as [Slot];
  await initializeToken(slot, 'contract');
  await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region });
  const store = new FakeMetadataStore();
  domain = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
  material = await domain.generate(newBinding(region));
});
afterAll(async () => {
  await domain[Symbol.asyncDispose]();
  await device.close();
});

/** What is no promise, or an error. */
function atOnce<T>(result: T | Promise<T>): T {
  if (result instanceof Promise) throw new Error('a promise');
  return result;
}

describe('a MAC key', () => {
  it('makes and checks MACs without a promise, once it is there', async () => {
    const key = await domain.generate(newBinding(region, 'HMAC_384', 'GENERATE_VERIFY_MAC'));
    const mac = await domain.generateMac(key, 'HMAC_SHA_384', message);
    expect(mac).toHaveLength(48);
    expect(atOnce(domain.generateMac(key, 'HMAC_SHA_384', message))).toEqual(mac);
    expect(atOnce(domain.verifyMac(key, 'HMAC_SHA_384', message, mac))).toBe(true);
    expect(atOnce(domain.verifyMac(key, 'HMAC_SHA_384', context, mac))).toBe(false);
  });
});

describe('a key pair', () => {
  const newPair = (spec: KeySpec): Promise<KeyMaterial> =>
    domain.generate(newBinding(region, spec, 'SIGN_VERIFY'));

  it.each(['ECC_NIST_P256', 'ECC_SECG_P256K1'] as const)(
    'of %s signs and verifies without a promise, once it is there',
    async (spec) => {
      const key = await newPair(spec);
      const sign = () => domain.sign(key, 'ECDSA_SHA_256', message, 'RAW');
      const verify = (text: Uint8Array, signature: Uint8Array) =>
        domain.verify(key, 'ECDSA_SHA_256', text, 'RAW', signature);
      expect(sign()).toBeInstanceOf(Promise);
      const signature = await sign();
      // The public half is an object of its own.
      expect(verify(message, signature)).toBeInstanceOf(Promise);
      expect(await verify(message, signature)).toBe(true);
      expect(isSignature('ECDSA_SHA_256', fromSpki(key.publicKey!), message, atOnce(sign()))).toBe(
        true,
      );
      expect(atOnce(verify(message, signature))).toBe(true);
      expect(atOnce(verify(context, signature))).toBe(false);
    },
  );

  it('of RSA verifies so, and signs elsewhere', async () => {
    const key = await newPair('RSA_2048');
    const sign = () => domain.sign(key, 'RSASSA_PSS_SHA_256', message, 'RAW');
    const verify = (text: Uint8Array, signature: Uint8Array) =>
      domain.verify(key, 'RSASSA_PSS_SHA_256', text, 'RAW', signature);
    const signature = await sign();
    expect(await verify(message, signature)).toBe(true);
    expect(atOnce(verify(message, signature))).toBe(true);
    expect(atOnce(verify(context, signature))).toBe(false);
    const again = sign();
    expect(again).toBeInstanceOf(Promise);
    expect(atOnce(verify(message, await again))).toBe(true);
  });

  it('of P-384 does both elsewhere', async () => {
    const key = await newPair('ECC_NIST_P384');
    const signature = await domain.sign(key, 'ECDSA_SHA_384', message, 'RAW');
    for (let count = 0; count < 2; count += 1) {
      const verified = domain.verify(key, 'ECDSA_SHA_384', message, 'RAW', signature);
      expect(verified).toBeInstanceOf(Promise);
      expect(await verified).toBe(true);
    }
    const again = domain.sign(key, 'ECDSA_SHA_384', message, 'RAW');
    expect(again).toBeInstanceOf(Promise);
    await again;
  });

  it('refuses with a rejection what no key can sign', async () => {
    const key = await newPair('ECC_NIST_P256');
    const short = domain.sign(key, 'ECDSA_SHA_256', Buffer.alloc(31), 'DIGEST');
    expect(short).toBeInstanceOf(Promise);
    await expect(short).rejects.toThrow(TypeError);
    const wrong = domain.verify(key, 'ECDSA_SHA_256', Buffer.alloc(31), 'DIGEST', message);
    expect(wrong).toBeInstanceOf(Promise);
    await expect(wrong).rejects.toThrow(TypeError);
  });

  it('is brought back after its sessions were closed', async () => {
    const key = await newPair('ECC_NIST_P256');
    const sign = () => domain.sign(key, 'ECDSA_SHA_256', message, 'RAW');
    const verify = (signature: Uint8Array) =>
      domain.verify(key, 'ECDSA_SHA_256', message, 'RAW', signature);
    const signature = await sign();
    expect(await verify(signature)).toBe(true);
    await slot.closeAllSessions();
    expect(await verify(signature)).toBe(true);
    expect(await verify(await sign())).toBe(true);
    expect(atOnce(verify(atOnce(sign())))).toBe(true);
  });
});

describe('a key in the device', () => {
  it('works without a promise, once it is there', async () => {
    const first = domain.seal(material, context, message);
    expect(first).toBeInstanceOf(Promise);
    await first;
    sealed = atOnce(domain.seal(material, context, message));
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
    const { plaintext } = atOnce(domain.sealRandom(material, context, 8, { reveal: true }));
    expect(plaintext).toHaveLength(8);
  });

  it('refuses with a rejection', async () => {
    const changed = domain.open(material, Buffer.from('other'), sealed);
    expect(changed).toBeInstanceOf(Promise);
    await expect(changed).rejects.toThrow(MessageAuthenticationError);
  });

  it('takes what is too long for this thread elsewhere', async () => {
    const long = Buffer.alloc(300_000);
    const result = domain.seal(material, context, long);
    expect(result).toBeInstanceOf(Promise);
    expect(long.equals(await domain.open(material, context, await result))).toBe(true);
  });

  it('is unwrapped again after its sessions were closed', async () => {
    await slot.closeAllSessions();
    const opened = domain.open(material, context, sealed);
    expect(opened).toBeInstanceOf(Promise);
    expect(message.equals(await opened)).toBe(true);
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
  });

  it('is unwrapped again after a logout, which voids its handle', async () => {
    await using session = await slot.openSession();
    await session.logout();
    const opened = domain.open(material, context, sealed);
    expect(opened).toBeInstanceOf(Promise);
    expect(message.equals(await opened)).toBe(true);
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
  });
});
