/**
 * What every KeyStore promises of keys that sign, authenticate and encrypt by RSA. Signatures and ciphertexts are checked,
 * and made, by node:crypto: that the store agrees with itself proves little.
 */
import { type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import type {
  KeySpec,
  KeyUsageType,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import {
  type KeyMaterial,
  type KeyStore,
  KeyTokenError,
  MessageAuthenticationError,
  PlaintextLengthError,
} from '../../src/keystore/key-store.ts';
import type { Soon } from '../../src/keystore/soon.ts';
import { type KeyStoreFeatures, newBinding } from '../support/material.ts';
import {
  digestOf,
  fromSpki,
  isSignature,
  macLengths,
  oaepEncrypt,
} from '../support/node-crypto.ts';

const specsDefault: readonly KeySpec[] = [
  'RSA_2048',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
];

export function keyStoreAlgorithmsContract(
  name: string,
  { region, specs = specsDefault }: KeyStoreFeatures,
  make: () => Promise<KeyStore>,
): void {
  const of = (usage: KeyUsageType): readonly KeySpec[] =>
    specs.filter((spec) => keySpecs[spec].algorithms[usage] !== undefined);

  describe(name, () => {
    let keyStore: KeyStore;
    beforeAll(async () => {
      keyStore = await make();
    });
    afterAll(() => keyStore?.[Symbol.asyncDispose]());

    const generate = (spec: KeySpec, usage: KeyUsageType): Promise<KeyMaterial> =>
      keyStore.generate(newBinding(region, spec, usage));
    const message = randomBytes(4096);
    const flip = (bytes: Uint8Array, at: number): Buffer =>
      Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));

    describe.each(of('SIGN_VERIFY'))('signing with %s', (spec) => {
      const algorithms = keySpecs[spec].algorithms.SIGN_VERIFY as SigningAlgorithmSpec[];
      let material: KeyMaterial;
      let publicKey: KeyObject;
      beforeAll(async () => {
        material = await generate(spec, 'SIGN_VERIFY');
        publicKey = fromSpki(material.publicKey!);
      });

      it('has a public key of the length that the spec says', () => {
        expect(material.publicKey).toHaveLength(keySpecs[spec].publicKeyLength!);
      });

      it.each(algorithms)('%s: what it signs verifies here and elsewhere', async (algorithm) => {
        const digest = digestOf(algorithm, message);
        for (const [data, type] of [
          [message, 'RAW'],
          [digest, 'DIGEST'],
          [message.subarray(0, 1), 'RAW'],
        ] as const) {
          const signature = await keyStore.sign(material, algorithm, data, type);
          const raw = type === 'DIGEST' ? message : data;
          expect(signature.length).toBeLessThanOrEqual(keySpecs[spec].signatureLengthMax!);
          expect(isSignature(algorithm, publicKey, raw, signature)).toBe(true);
          expect(await keyStore.verify(material, algorithm, raw, 'RAW', signature)).toBe(true);
          const hash = digestOf(algorithm, raw);
          expect(await keyStore.verify(material, algorithm, hash, 'DIGEST', signature)).toBe(true);
          const wrong = flip(hash, 3);
          expect(await keyStore.verify(material, algorithm, wrong, 'DIGEST', signature)).toBe(
            false,
          );
        }
      });

      it.each(algorithms)('%s: takes no other signature for one', async (algorithm) => {
        const signature = await keyStore.sign(material, algorithm, message, 'RAW');
        const other = await generate(spec, 'SIGN_VERIFY');
        const verify = (bytes: Uint8Array, by = material) =>
          keyStore.verify(by, algorithm, message, 'RAW', bytes);
        expect(await verify(signature)).toBe(true);
        for (let at = 0; at < signature.length; at += 1)
          expect(await verify(flip(signature, at)), `byte ${at}`).toBe(false);
        for (const wrong of [
          signature.subarray(1),
          signature.subarray(0, -1),
          Buffer.concat([signature, Buffer.of(0)]),
          Buffer.alloc(signature.length),
          Buffer.of(),
        ])
          expect(await verify(wrong)).toBe(false);
        expect(await verify(signature, other)).toBe(false);
        for (const another of algorithms.filter((each) => each !== algorithm))
          expect(await keyStore.verify(material, another, message, 'RAW', signature)).toBe(false);
      });

      it('takes no digest of another length', async () => {
        const [algorithm] = algorithms as [SigningAlgorithmSpec];
        const digest = Buffer.alloc(31);
        await expect(keyStore.sign(material, algorithm, digest, 'DIGEST')).rejects.toThrow(
          TypeError,
        );
      });
    });

    describe.each(of('GENERATE_VERIFY_MAC'))('MACs with %s', (spec) => {
      const [algorithm] = keySpecs[spec].algorithms.GENERATE_VERIFY_MAC as [MacAlgorithmSpec];

      it('are of the right length, repeat, and verify', async () => {
        const material = await generate(spec, 'GENERATE_VERIFY_MAC');
        expect(material).not.toHaveProperty('publicKey');
        const mac = await keyStore.generateMac(material, algorithm, message);
        expect(mac).toHaveLength(macLengths[spec]!);
        expect(
          Buffer.from(mac).equals(await keyStore.generateMac(material, algorithm, message)),
        ).toBe(true);
        const verify = (bytes: Uint8Array, text: Uint8Array = message) =>
          keyStore.verifyMac(material, algorithm, text, bytes);
        expect(await verify(mac)).toBe(true);
        expect(await verify(mac, flip(message, 0))).toBe(false);
        for (let at = 0; at < mac.length; at += 1) expect(await verify(flip(mac, at))).toBe(false);
        for (const wrong of [mac.subarray(1), Buffer.concat([mac, Buffer.of(0)]), Buffer.of()])
          expect(await verify(wrong)).toBe(false);
        const other = await generate(spec, 'GENERATE_VERIFY_MAC');
        expect(await keyStore.verifyMac(other, algorithm, message, mac)).toBe(false);
      });
    });

    describe.each(of('ENCRYPT_DECRYPT'))('encrypting with %s', (spec) => {
      const limits = Object.entries(keySpecs[spec].plaintextLengthMax ?? {}) as [
        'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256',
        number,
      ][];
      let material: KeyMaterial;
      let publicKey: KeyObject;
      beforeAll(async () => {
        material = await generate(spec, 'ENCRYPT_DECRYPT');
        publicKey = fromSpki(material.publicKey!);
      });

      it.each(limits)('%s: opens what it, and another, encrypted', async (algorithm, max) => {
        for (const length of [1, 32, max]) {
          const plaintext = randomBytes(length);
          for (const ciphertext of [
            await keyStore.encrypt(material, algorithm, plaintext),
            oaepEncrypt(algorithm, publicKey, plaintext),
          ]) {
            expect(ciphertext).toHaveLength(keySpecs[spec].signatureLengthMax!);
            const opened = await keyStore.decrypt(material, algorithm, ciphertext);
            expect(plaintext.equals(opened)).toBe(true);
          }
        }
        const tooLong = Buffer.alloc(max + 1);
        await expect(keyStore.encrypt(material, algorithm, tooLong)).rejects.toThrow(
          PlaintextLengthError,
        );
      });

      it.each(limits)('%s: opens nothing else', async (algorithm) => {
        const ciphertext = await keyStore.encrypt(material, algorithm, Buffer.from('plain'));
        const other = limits.map(([each]) => each).find((each) => each !== algorithm)!;
        const notOpened: [typeof algorithm, Uint8Array][] = [
          [other, ciphertext],
          [algorithm, flip(ciphertext, 9)],
          [algorithm, ciphertext.subarray(1)],
          [algorithm, Buffer.concat([ciphertext, Buffer.of(0)])],
          [algorithm, Buffer.alloc(ciphertext.length, 0xff)],
          [algorithm, Buffer.alloc(ciphertext.length)],
          [algorithm, Buffer.of(1)],
        ];
        for (const [by, bytes] of notOpened)
          await expect(keyStore.decrypt(material, by, bytes)).rejects.toThrow(
            MessageAuthenticationError,
          );
      });

      it('encrypts anew from and to secrets', async () => {
        const secret = await generate('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
        const context = Buffer.from('additional data');
        const symmetric = {
          algorithm: 'SYMMETRIC_DEFAULT',
          material: secret,
          additionalData: context,
        } as const;
        for (const [algorithm, max] of limits) {
          const plaintext = randomBytes(max);
          const rsa = { algorithm, material } as const;
          const sealed = await keyStore.seal(secret, context, plaintext);
          const there = await keyStore.reEncrypt({ ...symmetric, sealed }, rsa);
          if (there.algorithm !== algorithm) throw new Error(there.algorithm);
          const { ciphertext } = there;
          expect(plaintext.equals(await keyStore.decrypt(material, algorithm, ciphertext))).toBe(
            true,
          );
          const back = await keyStore.reEncrypt({ ...rsa, ciphertext }, symmetric);
          if (back.algorithm !== 'SYMMETRIC_DEFAULT') throw new Error(back.algorithm);
          expect(plaintext.equals(await keyStore.open(secret, context, back.sealed))).toBe(true);
          const again = await keyStore.reEncrypt({ ...rsa, ciphertext }, rsa);
          if (again.algorithm !== algorithm) throw new Error(again.algorithm);
          expect(Buffer.from(again.ciphertext).equals(ciphertext)).toBe(false);
          expect(
            plaintext.equals(await keyStore.decrypt(material, algorithm, again.ciphertext)),
          ).toBe(true);

          const tooLong = await keyStore.seal(secret, context, Buffer.alloc(max + 1));
          await expect(keyStore.reEncrypt({ ...symmetric, sealed: tooLong }, rsa)).rejects.toThrow(
            PlaintextLengthError,
          );
          await expect(
            keyStore.reEncrypt({ ...rsa, ciphertext: flip(ciphertext, 9) }, symmetric),
          ).rejects.toThrow(MessageAuthenticationError);
        }
      });
    });

    it('takes nothing of RSA that lost its leading zeros', async () => {
      if (!specs.includes('RSA_2048')) throw new Error('RSA_2048 is not among the specs');
      const untilZero = async (make: () => Soon<Uint8Array>): Promise<Uint8Array> => {
        for (;;) {
          const made = await make();
          if (made[0] === 0) return made;
        }
      };
      const algorithm = 'RSAES_OAEP_SHA_256';
      const decrypting = await generate('RSA_2048', 'ENCRYPT_DECRYPT');
      const ciphertext = await untilZero(() =>
        keyStore.encrypt(decrypting, algorithm, Buffer.from('plain')),
      );
      await keyStore.decrypt(decrypting, algorithm, ciphertext);
      await expect(keyStore.decrypt(decrypting, algorithm, ciphertext.subarray(1))).rejects.toThrow(
        MessageAuthenticationError,
      );
      const signing = await generate('RSA_2048', 'SIGN_VERIFY');
      let count = 0;
      const newMessage = () => Buffer.from(`message ${count}`);
      for (const by of ['RSASSA_PSS_SHA_256', 'RSASSA_PKCS1_V1_5_SHA_256'] as const) {
        const signature = await untilZero(() => {
          count += 1;
          return keyStore.sign(signing, by, newMessage(), 'RAW');
        });
        const verify = (bytes: Uint8Array) =>
          keyStore.verify(signing, by, newMessage(), 'RAW', bytes);
        expect(await verify(signature)).toBe(true);
        expect(await verify(signature.subarray(1))).toBe(false);
      }
    });

    it('takes a key token for no other key, spec or usage', async () => {
      for (const spec of specs) {
        const [usage] = Object.keys(keySpecs[spec].algorithms) as [KeyUsageType];
        const signing = keySpecs[spec].algorithms.SIGN_VERIFY?.[0] as SigningAlgorithmSpec;
        const mac = keySpecs[spec].algorithms.GENERATE_VERIFY_MAC?.[0] as MacAlgorithmSpec;
        const work = (material: KeyMaterial) =>
          mac === undefined
            ? keyStore.sign(material, signing, message, 'RAW')
            : keyStore.generateMac(material, mac, message);
        const material = await generate(spec, mac === undefined ? 'SIGN_VERIFY' : usage);
        const other = await generate(spec, mac === undefined ? 'SIGN_VERIFY' : usage);
        const wrong: Partial<KeyMaterial>[] = [
          { accountId: '999999999999' },
          { region: 'xx-nowhere-1' },
          { keyId: randomUUID() },
          { materialId: '0'.repeat(64) },
          { keyToken: other.keyToken },
          { keyToken: new Uint8Array(0) },
          { keyToken: material.keyToken.subarray(1) },
          { keyToken: flip(material.keyToken, material.keyToken.length - 1) },
        ];
        for (const change of wrong)
          await expect(
            work({ ...material, ...change }),
            `${spec} ${JSON.stringify(Object.keys(change))}`,
          ).rejects.toThrow(KeyTokenError);
        await work(material);
      }
    });

    it('takes a key token that signs for none that decrypts', async () => {
      if (!specs.includes('RSA_2048')) return;
      const signing = await generate('RSA_2048', 'SIGN_VERIFY');
      const decrypting = { ...signing, keyUsage: 'ENCRYPT_DECRYPT' } as const;
      const ciphertext = oaepEncrypt(
        'RSAES_OAEP_SHA_256',
        fromSpki(signing.publicKey!),
        message.subarray(0, 16),
      );
      await expect(keyStore.decrypt(decrypting, 'RSAES_OAEP_SHA_256', ciphertext)).rejects.toThrow(
        KeyTokenError,
      );
    });
  });
}
