/**
 * What every KeyStore promises, whatever is behind it. Call it from a test file with a way to make one.
 */
import { createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeyMaterial,
  type KeyStore,
  KeyTokenError,
  type MaterialBinding,
  MessageAuthenticationError,
} from '../../src/keystore/key-store.ts';
import { type KeyStoreFeatures, newBinding } from '../support/material.ts';
import { spki } from '../support/node-crypto.ts';
import { keyStoreAlgorithmsContract } from './keystore-algorithms.contract.ts';

export function keyStoreContract(
  name: string,
  features: KeyStoreFeatures,
  make: () => Promise<KeyStore>,
): void {
  describe(`${name} as KeyStore`, () => {
    let keyStore: KeyStore;
    let material: KeyMaterial;
    const context = Buffer.from('additional data');
    const bind = (): MaterialBinding => newBinding(features.region);

    beforeAll(async () => {
      keyStore = await make();
      material = await keyStore.generate(bind());
    });
    afterAll(() => keyStore?.[Symbol.asyncDispose]());

    it('makes material that carries its binding, and another one each time', async () => {
      const binding = bind();
      const [one, two] = [await keyStore.generate(binding), await keyStore.generate(binding)];
      expect(one).toEqual({ ...binding, keyToken: expect.any(Uint8Array) });
      expect(Buffer.from(one.keyToken).equals(two.keyToken)).toBe(false);
      const sealed = await keyStore.seal(one, context, Buffer.from('x'));
      await expect(keyStore.open(two, context, sealed)).rejects.toThrow(MessageAuthenticationError);
    });

    it.each([1, 2, 31, 32, 4095, 4096])('opens what it sealed: %i bytes', async (length) => {
      const plaintext = randomBytes(length);
      const sealed = await keyStore.seal(material, context, plaintext);
      expect([sealed.nonce.length, sealed.tag.length, sealed.ciphertext.length]).toEqual([
        28,
        16,
        length,
      ]);
      expect(plaintext.equals(await keyStore.open(material, context, sealed))).toBe(true);
    });

    it('takes additional data of any length', async () => {
      for (const length of [0, 1, 65, 100_000]) {
        const additionalData = randomBytes(length);
        const sealed = await keyStore.seal(material, additionalData, Buffer.from('x'));
        expect(Buffer.from(await keyStore.open(material, additionalData, sealed)).toString()).toBe(
          'x',
        );
      }
    });

    it('never uses a nonce twice', async () => {
      const nonces = new Set<string>();
      for (let i = 0; i < 100; i += 1) {
        const { nonce } = await keyStore.seal(material, context, Buffer.from('x'));
        nonces.add(Buffer.from(nonce).toString('hex'));
      }
      expect(nonces.size).toBe(100);
    });

    it('opens nothing that was changed', async () => {
      const sealed = await keyStore.seal(material, context, Buffer.from('plain'));
      const flip = (bytes: Uint8Array, at: number) =>
        Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));
      for (const part of ['nonce', 'tag', 'ciphertext'] as const)
        for (let at = 0; at < sealed[part].length; at += 1)
          await expect(
            keyStore.open(material, context, { ...sealed, [part]: flip(sealed[part], at) }),
          ).rejects.toThrow(MessageAuthenticationError);
      await expect(keyStore.open(material, Buffer.from('other'), sealed)).rejects.toThrow(
        MessageAuthenticationError,
      );
      await expect(keyStore.open(material, Buffer.alloc(0), sealed)).rejects.toThrow(
        MessageAuthenticationError,
      );
      for (const cut of [{ tag: sealed.tag.subarray(0, 12) }, { nonce: sealed.nonce.subarray(1) }])
        await expect(keyStore.open(material, context, { ...sealed, ...cut })).rejects.toThrow(
          MessageAuthenticationError,
        );
      await keyStore.open(material, context, sealed);
    });

    it('seals random bytes, and shows them only when asked', async () => {
      const hidden = await keyStore.sealRandom(material, context, 32, { reveal: false });
      expect(hidden).not.toHaveProperty('plaintext');
      expect(await keyStore.open(material, context, hidden.sealed)).toHaveLength(32);
      for (const length of [1, 1024]) {
        const { sealed, plaintext } = await keyStore.sealRandom(material, context, length, {
          reveal: true,
        });
        expect(plaintext).toHaveLength(length);
        expect(Buffer.from(await keyStore.open(material, context, sealed)).equals(plaintext!)).toBe(
          true,
        );
      }
    });

    it('seals key pairs, and shows private keys only when asked', async () => {
      for (const spec of ['ECC_NIST_P256', 'RSA_2048'] as const) {
        const hidden = await keyStore.sealKeyPair(material, context, spec, { reveal: false });
        expect(hidden).not.toHaveProperty('privateKey');
        const shown = await keyStore.sealKeyPair(material, context, spec, { reveal: true });
        const opened = await keyStore.open(material, context, shown.sealed);
        expect(Buffer.from(opened).equals(shown.privateKey!)).toBe(true);
        expect(Buffer.from(hidden.publicKey).equals(shown.publicKey)).toBe(false);
        for (const { publicKey, privateKey } of [
          { ...hidden, privateKey: await keyStore.open(material, context, hidden.sealed) },
          { ...shown, privateKey: shown.privateKey! },
        ]) {
          const key = createPrivateKey({
            key: Buffer.from(privateKey),
            format: 'der',
            type: 'pkcs8',
          });
          expect(spki(createPublicKey(key)).equals(publicKey)).toBe(true);
        }
      }
      await expect(
        keyStore.sealKeyPair(material, context, 'ML_KEM_512', { reveal: true }),
      ).rejects.toThrow(TypeError);
    });

    it('encrypts anew under another key and other additional data', async () => {
      const other = await keyStore.generate(bind());
      const plaintext = randomBytes(4096);
      const algorithm = 'SYMMETRIC_DEFAULT';
      const sealed = await keyStore.seal(material, context, plaintext);
      const source = { algorithm, material, additionalData: context, sealed } as const;
      const additionalData = Buffer.from('another');
      for (const to of [other, material]) {
        const target = { algorithm, material: to, additionalData } as const;
        const result = await keyStore.reEncrypt(source, target);
        if (result.algorithm !== algorithm) throw new Error(result.algorithm);
        const { sealed: again } = result;
        expect(again.ciphertext).toHaveLength(4096);
        expect(plaintext.equals(await keyStore.open(to, additionalData, again))).toBe(true);
        await expect(keyStore.open(to, context, again)).rejects.toThrow(MessageAuthenticationError);
        for (const wrong of [
          { ...source, additionalData },
          { ...source, material: other },
          { ...source, sealed: { ...sealed, tag: Buffer.alloc(16) } },
        ])
          await expect(keyStore.reEncrypt(wrong, target)).rejects.toThrow(
            MessageAuthenticationError,
          );
      }
    });

    it('makes no material of a spec that has not this usage', async () => {
      for (const [spec, usage] of [
        ['SYMMETRIC_DEFAULT', 'SIGN_VERIFY'],
        ['HMAC_256', 'ENCRYPT_DECRYPT'],
        ['ECC_NIST_P256', 'ENCRYPT_DECRYPT'],
        ['RSA_2048', 'GENERATE_VERIFY_MAC'],
      ] as const)
        await expect(keyStore.generate(newBinding(features.region, spec, usage))).rejects.toThrow(
          TypeError,
        );
    });

    it('gives random bytes', async () => {
      const [one, two] = [await keyStore.random(1024), await keyStore.random(1024)];
      expect(one).toHaveLength(1024);
      expect(Buffer.from(one).equals(two)).toBe(false);
    });

    it('takes a key token for no other key, and no changed one', async () => {
      const other = await keyStore.generate(bind());
      const sealed = await keyStore.seal(material, context, Buffer.from('x'));
      const wrong: Partial<KeyMaterial>[] = [
        { accountId: '999999999999' },
        { region: 'xx-nowhere-1' },
        { keyId: randomUUID() },
        { materialId: '0'.repeat(64) },
        { keyToken: other.keyToken },
        { keyToken: new Uint8Array(0) },
        { keyToken: material.keyToken.subarray(1) },
        { keyToken: Buffer.concat([material.keyToken, Buffer.of(0)]) },
      ];
      for (const change of wrong) {
        const changed = { ...material, ...change };
        await expect(
          keyStore.open(changed, context, sealed),
          JSON.stringify(Object.keys(change)),
        ).rejects.toThrow(KeyTokenError);
        await expect(keyStore.seal(changed, context, Buffer.from('x'))).rejects.toThrow(
          KeyTokenError,
        );
        await expect(keyStore.sealRandom(changed, context, 8, { reveal: true })).rejects.toThrow(
          KeyTokenError,
        );
      }
      for (let bit = 0; bit < material.keyToken.length * 8; bit += 1) {
        const keyToken = Buffer.from(material.keyToken);
        keyToken[bit >> 3]! ^= 1 << (bit & 7);
        await expect(
          keyStore.open({ ...material, keyToken }, context, sealed),
          `bit ${bit}`,
        ).rejects.toThrow(KeyTokenError);
      }
      await keyStore.open(material, context, sealed);
    });

    it('destroys material for good, and no other', async () => {
      const binding = bind();
      const [gone, next] = [
        await keyStore.generate(binding),
        await keyStore.generate({ ...binding, materialId: '1'.repeat(64) }),
      ];
      const sealed = await keyStore.seal(gone, context, Buffer.from('x'));
      const kept = await keyStore.seal(next, context, Buffer.from('y'));
      await keyStore.destroy([]);
      for (let time = 0; time < 2; time += 1) {
        await keyStore.destroy([gone]);
        // Also from a copy, which is what comes back with an old back-up.
        for (const copy of [gone, { ...gone, keyToken: Uint8Array.from(gone.keyToken) }]) {
          await expect(keyStore.open(copy, context, sealed)).rejects.toThrow(KeyTokenError);
          await expect(keyStore.seal(copy, context, Buffer.from('x'))).rejects.toThrow(
            KeyTokenError,
          );
        }
        keyStore.forget(gone);
        expect(Buffer.from(await keyStore.open(next, context, kept)).toString()).toBe('y');
      }
      const more = await Promise.all([bind(), bind()].map((each) => keyStore.generate(each)));
      // Many at once, of which most were never made.
      const others = Array.from({ length: 300 }, () => ({
        ...bind(),
        keyToken: new Uint8Array(1),
      }));
      await keyStore.destroy([...others, ...more]);
      for (const each of more)
        await expect(keyStore.seal(each, context, Buffer.from('x'))).rejects.toThrow(KeyTokenError);
    });

    it('does many things at once', async () => {
      const materials = await Promise.all(
        Array.from({ length: 8 }, () => keyStore.generate(bind())),
      );
      const round = async (i: number) => {
        const own = materials[i % materials.length] as KeyMaterial;
        const sealed = await keyStore.seal(own, context, Buffer.from(`message ${i}`));
        return Buffer.from(await keyStore.open(own, context, sealed)).toString();
      };
      const results = await Promise.all(Array.from({ length: 200 }, (_, i) => round(i)));
      expect(results).toEqual(Array.from({ length: 200 }, (_, i) => `message ${i}`));
    });
  });

  keyStoreAlgorithmsContract(name, features, make);
}
