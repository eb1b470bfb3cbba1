/** Each symmetric mechanism through session, frame and token, against what node:crypto makes of the same. */
import {
  type CipherCCMTypes,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  randomBytes,
  randomInt,
} from 'node:crypto';
import { aeskw } from '@noble/ciphers/aes.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncryptedMessage, Mechanism, ObjectHandle, Session } from '../../../src/hsm/index.ts';
import {
  generateAesKey,
  importKey,
  type MemoryDevice,
  openMemoryDevice,
} from '../../support/memory-device.ts';

let token: MemoryDevice;
let session: Session;
beforeAll(async () => {
  token = await openMemoryDevice();
  session = token.session;
});
afterAll(() => token[Symbol.asyncDispose]());

/** What node:crypto makes: ciphertext, then tag. */
type Peer = (key: Buffer, data: Buffer) => Buffer;

function plain(algorithm: (bits: number) => string, iv: Buffer | null, padding: boolean): Peer {
  return (key, data) => {
    const cipher = createCipheriv(algorithm(8 * key.length), key, iv);
    cipher.setAutoPadding(padding);
    return Buffer.concat([cipher.update(data), cipher.final()]);
  };
}

function sealed(
  algorithm: (bits: number) => string,
  iv: Buffer,
  aad: Buffer,
  authTagLength: number,
): Peer {
  return (key, data) => {
    const name = algorithm(8 * key.length) as CipherCCMTypes & CipherGCMTypes;
    const cipher = createCipheriv(name, key, iv, { authTagLength });
    cipher.setAAD(aad, { plaintextLength: data.length });
    return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  };
}

interface Case {
  readonly keyType: 'CKK_AES' | 'CKK_CHACHA20';
  /** A mechanism with fresh parameters, and its peer. */
  readonly make: (length: number) => { mechanism: Mechanism; peer: Peer };
  /** Plaintext comes in blocks of this many bytes. */
  readonly block?: number;
}

const cases: Readonly<Record<string, Case>> = {
  'AES-ECB': {
    keyType: 'CKK_AES',
    block: 16,
    make: () => ({
      mechanism: 'CKM_AES_ECB',
      peer: plain((bits) => `aes-${bits}-ecb`, null, false),
    }),
  },
  'AES-CBC': {
    keyType: 'CKK_AES',
    block: 16,
    make: () => {
      const iv = randomBytes(16);
      return {
        mechanism: { mechanism: 'CKM_AES_CBC', iv },
        peer: plain((bits) => `aes-${bits}-cbc`, iv, false),
      };
    },
  },
  'AES-CBC with padding': {
    keyType: 'CKK_AES',
    make: () => {
      const iv = randomBytes(16);
      return {
        mechanism: { mechanism: 'CKM_AES_CBC_PAD', iv },
        peer: plain((bits) => `aes-${bits}-cbc`, iv, true),
      };
    },
  },
  'AES-CTR': {
    keyType: 'CKK_AES',
    make: () => {
      const block = randomBytes(16);
      block.fill(0, 12);
      return {
        mechanism: { mechanism: 'CKM_AES_CTR', block },
        peer: plain((bits) => `aes-${bits}-ctr`, block, false),
      };
    },
  },
  'AES-CCM': {
    keyType: 'CKK_AES',
    make: (dataLength) => {
      const [nonce, additionalData] = [randomBytes(12), randomBytes(randomInt(40))];
      const macLength = 4 + 2 * randomInt(7);
      return {
        mechanism: { mechanism: 'CKM_AES_CCM', dataLength, nonce, additionalData, macLength },
        peer: sealed((bits) => `aes-${bits}-ccm`, nonce, additionalData, macLength),
      };
    },
  },
  'AES-GCM': {
    keyType: 'CKK_AES',
    make: () => {
      const [iv, additionalData] = [randomBytes(12), randomBytes(randomInt(40))];
      return {
        mechanism: { mechanism: 'CKM_AES_GCM', iv, additionalData },
        peer: sealed((bits) => `aes-${bits}-gcm`, iv, additionalData, 16),
      };
    },
  },
  ChaCha20: {
    keyType: 'CKK_CHACHA20',
    make: () => {
      const [counter, nonce] = [Buffer.from([1, 0, 0, 0]), randomBytes(12)];
      return {
        mechanism: { mechanism: 'CKM_CHACHA20', counter, nonce },
        peer: plain(() => 'chacha20', Buffer.concat([counter, nonce]), false),
      };
    },
  },
  'ChaCha20-Poly1305': {
    keyType: 'CKK_CHACHA20',
    make: () => {
      const [nonce, additionalData] = [randomBytes(12), randomBytes(randomInt(40))];
      return {
        mechanism: { mechanism: 'CKM_CHACHA20_POLY1305', nonce, additionalData },
        peer: sealed(() => 'chacha20-poly1305', nonce, additionalData, 16),
      };
    },
  },
};

describe.each(Object.entries(cases))('%s', (_name, { keyType, make, block = 1 }) => {
  it.each(keyType === 'CKK_AES' ? [16, 24, 32] : [32])('under a key of %i bytes', async (bytes) => {
    const value = randomBytes(bytes);
    const usage = { CKA_ENCRYPT: true, CKA_DECRYPT: true };
    const key = await importKey(session, keyType, value, usage);
    for (const length of [0, 1, 16, 17, 64, 1000, 5000].map((each) => each - (each % block))) {
      const data = randomBytes(length);
      const { mechanism, peer } = make(length);
      const encrypted = await session.encrypt(mechanism, key, data);
      expect(Buffer.from(encrypted).equals(peer(value, data)), `${length} bytes`).toBe(true);
      const decrypted = await session.decrypt(mechanism, key, encrypted);
      expect(Buffer.from(decrypted).equals(data), `${length} bytes`).toBe(true);
    }
    await session.destroyObject(key);
  });
});

describe('wrapping', () => {
  const template = {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_TOKEN: false,
    CKA_SENSITIVE: false,
    CKA_EXTRACTABLE: true,
  } as const;
  const value = randomBytes(32);
  let key: ObjectHandle;
  beforeAll(async () => {
    key = await importKey(session, 'CKK_GENERIC_SECRET', value, {});
  });
  const comesBack = async (mechanism: Mechanism, unwrapping: ObjectHandle, wrapped: Uint8Array) => {
    const again = await session.unwrapKey(mechanism, unwrapping, wrapped, template);
    const { CKA_VALUE } = await session.getAttributes(again, ['CKA_VALUE']);
    expect(Buffer.from(CKA_VALUE ?? [])).toEqual(value);
  };

  const iv = randomBytes(16);
  it.each<[string, Mechanism, (by: Buffer) => Buffer]>([
    [
      'AES-CBC with padding',
      { mechanism: 'CKM_AES_CBC_PAD', iv },
      (by) => plain((bits) => `aes-${bits}-cbc`, iv, true)(by, value),
    ],
    ['AES-KW', 'CKM_AES_KEY_WRAP', (by) => Buffer.from(aeskw(by).encrypt(value))],
    [
      'AES-KW with an initial value of its own',
      { mechanism: 'CKM_AES_KEY_WRAP', parameter: iv.subarray(0, 8) },
      (by) => {
        const cipher = createCipheriv('id-aes256-wrap', by, iv.subarray(0, 8));
        return Buffer.concat([cipher.update(value), cipher.final()]);
      },
    ],
  ])('%s', async (_name, mechanism, peer) => {
    const by = randomBytes(32);
    const wrapping = await importKey(session, 'CKK_AES', by, { CKA_WRAP: true, CKA_UNWRAP: true });
    const wrapped = await session.wrapKey(mechanism, wrapping, key);
    expect(Buffer.from(wrapped)).toEqual(peer(by));
    await comesBack(mechanism, wrapping, wrapped);
  });

  it('RSA with AES', async () => {
    const pair = await session.generateKeyPair(
      'CKM_RSA_PKCS_KEY_PAIR_GEN',
      { CKA_MODULUS_BITS: 2048, CKA_WRAP: true },
      { CKA_UNWRAP: true, CKA_TOKEN: false },
    );
    const label = Buffer.from('label');
    const mechanism = { mechanism: 'CKM_RSA_AES_KEY_WRAP', hash: 'SHA-256', label } as const;
    const wrapped = await session.wrapKey(mechanism, pair.publicKey, key);
    expect(wrapped.length).toBe(256 + 40);
    await comesBack(mechanism, pair.privateKey, wrapped);
    await expect(
      session.unwrapKey({ ...mechanism, hash: 'SHA-1' }, pair.privateKey, wrapped, template),
    ).rejects.toMatchObject({ ckr: 'CKR_WRAPPED_KEY_INVALID' });
  });
});

it('AES-CMAC, whole and cut', async () => {
  // RFC 4493, section 4, example 3.
  const key = await importKey(
    session,
    'CKK_AES',
    Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex'),
    { CKA_SIGN: true, CKA_VERIFY: true },
  );
  const data = Buffer.from(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411',
    'hex',
  );
  const mac = await session.sign('CKM_AES_CMAC', key, data);
  expect(Buffer.from(mac).toString('hex')).toBe('dfa66747de9ae63030ca32611497c827');
  const cut = { mechanism: 'CKM_AES_CMAC_GENERAL', macLength: 8 } as const;
  expect(await session.sign(cut, key, data)).toEqual(mac.subarray(0, 8));
  expect(await session.verify(cut, key, data, mac.subarray(0, 8))).toBe(true);
  expect(await session.verify('CKM_AES_CMAC', key, data.subarray(1), mac)).toBe(false);
});

it('keys of ChaCha20 are made', async () => {
  const key = await session.generateKey('CKM_CHACHA20_KEY_GEN', { CKA_TOKEN: false });
  const mechanism = { mechanism: 'CKM_CHACHA20_POLY1305', nonce: randomBytes(12) } as const;
  const data = randomBytes(100);
  const encrypted = await session.encrypt(mechanism, key, data);
  expect(Buffer.from(await session.decrypt(mechanism, key, encrypted))).toEqual(data);
  const aes = await generateAesKey(session);
  await expect(session.encrypt(mechanism, aes, data)).rejects.toMatchObject({
    ckr: 'CKR_KEY_TYPE_INCONSISTENT',
  });
});

describe('messages', () => {
  const data = randomBytes(40);
  const additionalData = randomBytes(9);
  /** What node:crypto opens of it. */
  const opened = (
    algorithm: 'aes-256-ccm' | 'aes-256-gcm' | 'chacha20-poly1305',
    value: Buffer,
    made: EncryptedMessage,
  ): Buffer => {
    const options = { authTagLength: made.tag.length };
    const name = algorithm as CipherCCMTypes & CipherGCMTypes;
    const decipher = createDecipheriv(name, value, made.iv, options);
    decipher.setAuthTag(made.tag);
    decipher.setAAD(additionalData, { plaintextLength: made.ciphertext.length });
    return Buffer.concat([decipher.update(made.ciphertext), decipher.final()]);
  };
  const usage = { CKA_ENCRYPT: true, CKA_DECRYPT: true };

  it('of CCM, with a nonce given or made', async () => {
    const value = randomBytes(32);
    const key = await importKey(session, 'CKK_AES', value, usage);
    for (const options of [
      { nonce: randomBytes(11), macLength: 8 },
      { nonceLength: 13 },
      {},
    ] as const) {
      const message = { mechanism: 'CKM_AES_CCM', additionalData, ...options } as const;
      const made = await session.encryptMessage(key, message, data);
      expect(opened('aes-256-ccm', value, made)).toEqual(data);
      const { iv, tag, ciphertext } = made;
      const parts = { mechanism: 'CKM_AES_CCM', iv, tag, additionalData } as const;
      expect(Buffer.from(await session.decryptMessage(key, parts, ciphertext))).toEqual(data);
      await expect(
        session.decryptMessage(key, { ...parts, additionalData: data }, ciphertext),
      ).rejects.toMatchObject({ ckr: 'CKR_AEAD_DECRYPT_FAILED' });
    }
  });

  it('of ChaCha20-Poly1305', async () => {
    const value = randomBytes(32);
    const key = await importKey(session, 'CKK_CHACHA20', value, usage);
    const mechanism = 'CKM_CHACHA20_POLY1305' as const;
    const nonce = randomBytes(12);
    const made = await session.encryptMessage(key, { mechanism, nonce, additionalData }, data);
    expect(Buffer.from(made.iv)).toEqual(nonce);
    expect(opened('chacha20-poly1305', value, made)).toEqual(data);
    const { iv, tag, ciphertext } = made;
    const parts = { mechanism, iv, tag, additionalData };
    expect(Buffer.from(await session.decryptMessage(key, parts, ciphertext))).toEqual(data);
  });

  it('of GCM with counted IVs', async () => {
    const value = randomBytes(32);
    const key = await importKey(session, 'CKK_AES', value, usage);
    const baseIv = randomBytes(12);
    const message = {
      mechanism: 'CKM_AES_GCM',
      generator: 'counter-xor',
      baseIv,
      fixedBits: 94,
      additionalData,
    } as const;
    for (const count of [0, 1, 2, 3]) {
      const made = await session.encryptMessage(key, message, data);
      const expected = Buffer.from(baseIv);
      expected[11] = (expected[11] ?? 0) ^ count;
      expect(Buffer.from(made.iv)).toEqual(expected);
      expect(opened('aes-256-gcm', value, made)).toEqual(data);
      const { iv, tag, ciphertext } = made;
      const plaintext = await session.decryptMessage(key, { iv, tag, additionalData }, ciphertext);
      expect(Buffer.from(plaintext)).toEqual(data);
    }
    await expect(session.encryptMessage(key, message, data)).rejects.toMatchObject({
      ckr: 'CKR_KEY_EXHAUSTED',
    });
  });
});
