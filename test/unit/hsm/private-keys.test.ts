/** Private keys on their way: wrapped, unwrapped, on the token. */
import { createPrivateKey, sign as nodeSign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectHandle, Session, Template } from '../../../src/hsm/index.ts';
import { ckr, curves, ecPair, message, none, rsaPair } from '../../support/key-pairs.ts';
import {
  generateAesKey,
  generateSecret,
  importKey,
  type MemoryDevice,
  openMemoryDevice,
} from '../../support/memory-device.ts';

let under: MemoryDevice;
let session: Session;
beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
});
afterAll(() => under[Symbol.asyncDispose]());

describe('a private key', () => {
  it('is wrapped as PKCS #8 and comes back as the same key', async () => {
    const wrapping = await generateAesKey(session, {
      CKA_ENCRYPT: false,
      CKA_DECRYPT: false,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
    });
    const reader = await importKey(session, 'CKK_AES', Buffer.alloc(32, 7), {
      CKA_DECRYPT: true,
      CKA_WRAP: true,
    });
    for (const [type, pair] of [
      ['CKK_RSA', await rsaPair(session, {}, { CKA_EXTRACTABLE: true })],
      ['CKK_EC', await ecPair(session, 'P256', { CKA_EXTRACTABLE: true })],
      ['CKK_EC', await ecPair(session, 'P521', { CKA_EXTRACTABLE: true })],
    ] as const) {
      const mechanism = type === 'CKK_RSA' ? 'CKM_SHA256_RSA_PKCS' : 'CKM_ECDSA_SHA256';
      const template = {
        CKA_CLASS: 'CKO_PRIVATE_KEY',
        CKA_KEY_TYPE: type,
        CKA_SIGN: true,
      } as const;
      const additionalData = Buffer.from('whose');
      const gcm = await session.wrapKeyAuthenticated(
        { mechanism: 'CKM_AES_GCM' },
        wrapping,
        pair.privateKey,
        additionalData,
      );
      const params = { mechanism: 'CKM_AES_GCM', iv: gcm.iv } as const;
      const again = await session.unwrapKeyAuthenticated(
        params,
        wrapping,
        gcm.wrapped,
        template,
        additionalData,
      );
      const kwp = await session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, pair.privateKey);
      const third = await session.unwrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, kwp, template);
      for (const key of [again, third]) {
        const signature = await session.sign(mechanism, key, message);
        expect(await session.verify(mechanism, pair.publicKey, message, signature)).toBe(true);
        expect(
          await session.getAttributes(key, [
            'CKA_LOCAL',
            'CKA_SENSITIVE',
            'CKA_EXTRACTABLE',
            'CKA_ALWAYS_SENSITIVE',
          ]),
        ).toEqual({
          CKA_LOCAL: false,
          CKA_SENSITIVE: true,
          CKA_EXTRACTABLE: true,
          CKA_ALWAYS_SENSITIVE: false,
        });
      }
      // What is inside is PKCS#8 that node reads.
      const open = await session.wrapKeyAuthenticated(
        { mechanism: 'CKM_AES_GCM' },
        reader,
        pair.privateKey,
        none,
      );
      const pkcs8 = await session.decrypt(
        { mechanism: 'CKM_AES_GCM', iv: open.iv },
        reader,
        open.wrapped,
      );
      const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
      const encoding = { key, dsaEncoding: 'ieee-p1363' } as const;
      expect(
        await session.verify(
          mechanism,
          pair.publicKey,
          message,
          nodeSign('sha256', message, encoding),
        ),
      ).toBe(true);

      const as = (more: Template): Promise<unknown> =>
        ckr(session.unwrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, kwp, more));
      const other = type === 'CKK_RSA' ? 'CKK_EC' : 'CKK_RSA';
      expect(await as({ ...template, CKA_KEY_TYPE: other })).toBe('CKR_WRAPPED_KEY_INVALID');
      expect(await as({ CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' })).toBe(
        'CKR_WRAPPED_KEY_INVALID',
      );
      expect(await as({ CKA_CLASS: 'CKO_PRIVATE_KEY' })).toBe('CKR_TEMPLATE_INCOMPLETE');
      expect(await as({ CKA_CLASS: 'CKO_PUBLIC_KEY', CKA_KEY_TYPE: type })).toBe(
        'CKR_TEMPLATE_INCONSISTENT',
      );
    }
    const secret = await generateSecret(session, { CKA_EXTRACTABLE: true });
    const wrapped = await session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, secret);
    const asPrivate = session.unwrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, wrapped, {
      CKA_CLASS: 'CKO_PRIVATE_KEY',
      CKA_KEY_TYPE: 'CKK_EC',
    });
    expect(await ckr(asPrivate)).toBe('CKR_WRAPPED_KEY_INVALID');
    const { privateKey } = await ecPair(session, 'P256');
    expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, privateKey))).toBe(
      'CKR_KEY_UNEXTRACTABLE',
    );
    const { publicKey } = await ecPair(session, 'P256');
    expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, publicKey))).toBe(
      'CKR_KEY_NOT_WRAPPABLE',
    );
  }, 30_000);

  it('of the wrong use is not wrapped where a wrap template names another', async () => {
    const wrapping = await generateAesKey(session, {
      CKA_ENCRYPT: false,
      CKA_DECRYPT: false,
      CKA_WRAP: true,
      CKA_WRAP_TEMPLATE: { CKA_CLASS: 'CKO_PRIVATE_KEY', CKA_SIGN: true, CKA_DECRYPT: false },
    });
    const wrap = (key: ObjectHandle) => ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, key));
    const use = (sign: boolean) => ({
      CKA_EXTRACTABLE: true,
      CKA_SIGN: sign,
      CKA_DECRYPT: !sign,
    });
    expect(await wrap((await rsaPair(session, {}, use(true))).privateKey)).toBe('CKR_OK');
    expect(await wrap((await rsaPair(session, {}, use(false))).privateKey)).toBe(
      'CKR_KEY_HANDLE_INVALID',
    );
    const secret = await generateSecret(session, { CKA_EXTRACTABLE: true, CKA_SIGN: true });
    expect(await wrap(secret)).toBe('CKR_KEY_HANDLE_INVALID');
  }, 30_000);

  it('stays on the token with its public half', async () => {
    const label = 'kept';
    const pair = await session.generateKeyPair(
      'CKM_EC_KEY_PAIR_GEN',
      {
        CKA_EC_PARAMS: curves.P256.parameters,
        CKA_TOKEN: true,
        CKA_LABEL: label,
      },
      { CKA_TOKEN: true, CKA_LABEL: label },
    );
    const signature = await session.sign('CKM_ECDSA_SHA256', pair.privateKey, message);
    await session.logout();
    await session.login('user', 'user pin of a test');
    const [privateKey] = await session.findObjects({
      CKA_LABEL: label,
      CKA_CLASS: 'CKO_PRIVATE_KEY',
    });
    const [publicKey] = await session.findObjects({
      CKA_LABEL: label,
      CKA_CLASS: 'CKO_PUBLIC_KEY',
    });
    if (privateKey === undefined || publicKey === undefined) throw new Error('gone');
    expect(await session.verify('CKM_ECDSA_SHA256', publicKey, message, signature)).toBe(true);
    const again = await session.sign('CKM_ECDSA_SHA256', privateKey, message);
    expect(await session.verify('CKM_ECDSA_SHA256', publicKey, message, again)).toBe(true);
    await session.setAttributes(privateKey, { CKA_SIGN: false });
    expect(await ckr(session.sign('CKM_ECDSA_SHA256', privateKey, message))).toBe(
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
    );
    expect(await ckr(session.setAttributes(privateKey, { CKA_SIGN: true }))).toBe(
      'CKR_ATTRIBUTE_READ_ONLY',
    );
    expect(await ckr(session.setAttributes(privateKey, { CKA_SENSITIVE: false }))).toBe(
      'CKR_ATTRIBUTE_READ_ONLY',
    );
  });
});
