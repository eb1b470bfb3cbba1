/** Device, slot and session over a device in memory. */
import { describe, expect, it } from 'vitest';
import { CkrError, type ObjectHandle, type Session } from '../../../src/hsm/index.ts';
import { attachDevice, deviceMemory, openDevice } from '../../../src/link/in-process.ts';
import {
  generateAesKey,
  generateSecret,
  importKey,
  openMemoryDevice,
  SO_PIN,
  USER_PIN,
} from '../../support/memory-device.ts';

const text = (value: string): Buffer => Buffer.from(value, 'utf8');
const refused = async (call: Promise<unknown>): Promise<CkrError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CkrError);
  return error as CkrError;
};
const derivation = { CKA_DERIVE: true, CKA_ENCRYPT: true, CKA_DECRYPT: true };

describe('a device', () => {
  it('is not opened where there is none', async () => {
    const options = { slotCount: 1, create: false } as const;
    const error = await refused(
      openDevice({ ...options, flashDirectory: '/nonexistent/a', rootDirectory: '/nonexistent/b' }),
    );
    expect(['CKR_TOKEN_NOT_PRESENT', 'CKR_DEVICE_ERROR']).toContain(error.ckr);
    expect(error.command).toBe('OpenDevice');
  });

  it('refuses a configuration that is none', async () => {
    const options = { flashDirectory: null, create: true } as const;
    expect((await refused(openDevice({ ...options, slotCount: 0 }))).ckr).toBe('CKR_ARGUMENTS_BAD');
    await expect(openDevice({ ...options, slotCount: Number.NaN })).rejects.toThrow(RangeError);
  });

  it('says what it has open and where its keys are', async () => {
    await using token = await openMemoryDevice();
    const status = await token.device.status();
    expect(status).toMatchObject({ errorState: false, applicationCount: 1, sessionCount: 1 });
    const memory = deviceMemory(token.device.attachId);
    expect(memory.arena.start).toBeGreaterThan(0n);
    expect(memory.secureHeap.length).toBeGreaterThan(0);
    expect((await token.device.selfTests()).join('\n')).toMatch(/aes-gcm/);
  });

  it('is gone for its sessions once it is closed', async () => {
    const token = await openMemoryDevice();
    const epoch = token.device.epoch;
    await token.device.close();
    await token.device.close();
    expect(token.device.epoch).toBe(epoch + 1);
    expect(token.session.isOpen).toBe(false);
    const late = await refused(token.session.generateRandom(1));
    expect(late.ckr).toBe('CKR_SESSION_HANDLE_INVALID');
    expect(() => token.session.sync?.generateRandom(1)).toThrow('CKR_SESSION_HANDLE_INVALID');
    expect((await refused(token.device.status())).ckr).toBe('CKR_DEVICE_REMOVED');
  });

  it('is shared by those who join with its attach id, login and objects too', async () => {
    await using token = await openMemoryDevice();
    const key = await generateAesKey(token.session);
    await using joined = await attachDevice(token.device.attachId);
    const [slot] = await joined.slots();
    const session = await slot!.openSession();
    expect((await session.info()).state).toBe('CKS_RO_USER_FUNCTIONS');
    const mechanism = { mechanism: 'CKM_AES_GCM', iv: new Uint8Array(12) } as const;
    const sealed = await session.encrypt(mechanism, key, text('across'));
    expect(Buffer.from(await token.session.decrypt(mechanism, key, sealed))).toEqual(
      text('across'),
    );
    const stranger = attachDevice(new Uint8Array(16));
    expect((await refused(stranger)).ckr).toBe('CKR_ARGUMENTS_BAD');
  });
});

describe('a slot', () => {
  it('tells what it and its token are', async () => {
    await using token = await openMemoryDevice();
    const info = await token.slot.tokenInfo();
    expect(info).toMatchObject({ label: 'test', initialized: true, userPinInitialized: true });
    expect(info.sessionCount).toBe(1);
    expect((await token.slot.info()).description).not.toMatch(/ $/);
    expect(await token.slot.mechanisms()).toContain('CKM_STRONGROOM_DERIVE_AES_GCM');
    expect(await token.slot.mechanismInfo('CKM_AES_KEY_GEN')).toMatchObject({ maxKeySize: 32 });
    expect((await refused(token.slot.mechanismInfo(0x9999))).ckr).toBe('CKR_MECHANISM_INVALID');
  });

  it('is not initialised under open sessions', async () => {
    await using token = await openMemoryDevice();
    expect((await refused(token.slot.initToken(SO_PIN, 'again'))).ckr).toBe('CKR_SESSION_EXISTS');
    await expect(token.slot.initToken(SO_PIN, 'x'.repeat(33))).rejects.toThrow(RangeError);
    await token.slot.closeAllSessions();
    expect((await refused(token.slot.initToken('wrong pin', 'again'))).ckr).toBe(
      'CKR_PIN_INCORRECT',
    );
    await token.slot.initToken(SO_PIN, 'again');
    expect(await token.slot.tokenInfo()).toMatchObject({ label: 'again' });
  });
});

describe('a session', () => {
  it('logs in and out, and changes PINs', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    expect((await session.info()).state).toBe('CKS_RW_USER_FUNCTIONS');
    expect((await refused(session.login('user', USER_PIN))).ckr).toBe('CKR_USER_ALREADY_LOGGED_IN');
    await session.setPin(USER_PIN, 'another user pin');
    await session.logout();
    const wrong = await refused(session.login('user', USER_PIN));
    expect(wrong).toMatchObject({ ckr: 'CKR_PIN_INCORRECT', code: 0xa0, command: 'Login' });
    expect(wrong.message).not.toContain(USER_PIN);
    await session.login('user', text('another user pin'));
  });

  it('is used no more once it ended', async () => {
    await using token = await openMemoryDevice();
    const session = await token.slot.openSession();
    await session.close();
    await session.close();
    expect(session.isOpen).toBe(false);
    expect((await refused(session.info())).ckr).toBe('CKR_SESSION_HANDLE_INVALID');
    const other = await token.slot.openSession();
    await token.slot.closeAllSessions();
    expect(other.isOpen).toBe(true); // nobody told it yet
    expect((await refused(other.info())).ckr).toBe('CKR_SESSION_HANDLE_INVALID');
    expect(other.isOpen).toBe(false);
  });

  it('reads, sets and finds objects by their attributes', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateAesKey(session, {
      CKA_LABEL: 'première clé',
      CKA_ID: Uint8Array.of(1, 2, 3),
      CKA_SENSITIVE: true,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
      CKA_UNWRAP_TEMPLATE: { CKA_SENSITIVE: true, CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' },
      CKA_ALLOWED_MECHANISMS: ['CKM_AES_GCM', 'CKM_AES_KEY_WRAP_KWP'],
    });
    const read = await session.getAttributes(key, [
      ...([
        'CKA_LABEL',
        'CKA_ID',
        'CKA_CLASS',
        'CKA_KEY_TYPE',
        'CKA_VALUE',
        'CKA_VALUE_LEN',
      ] as const),
      ...(['CKA_SENSITIVE', 'CKA_UNWRAP_TEMPLATE', 'CKA_ALLOWED_MECHANISMS'] as const),
      ...(['CKA_KEY_GEN_MECHANISM', 'CKA_MODULUS'] as const),
    ]);
    expect(read).toEqual({
      CKA_LABEL: 'première clé',
      CKA_ID: Uint8Array.of(1, 2, 3),
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE: undefined,
      CKA_VALUE_LEN: 32,
      CKA_SENSITIVE: true,
      CKA_UNWRAP_TEMPLATE: { CKA_SENSITIVE: true, CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' },
      CKA_ALLOWED_MECHANISMS: ['CKM_AES_GCM', 'CKM_AES_KEY_WRAP_KWP'],
      CKA_KEY_GEN_MECHANISM: 'CKM_AES_KEY_GEN',
      CKA_MODULUS: undefined,
    });
    await session.setAttributes(key, { CKA_LABEL: 'renamed' });
    const other = await generateAesKey(session, { CKA_LABEL: 'renamed' });
    expect((await session.findObjects({ CKA_LABEL: 'renamed' })).sort()).toEqual(
      [key, other].sort(),
    );
    expect(await session.findObjects({ CKA_LABEL: 'renamed' }, 1)).toHaveLength(1);
    expect(await session.findObjects({ CKA_LABEL: 'première clé' })).toEqual([]);
    await session.destroyObject(other);
    expect((await refused(session.destroyObject(other))).ckr).toBe('CKR_OBJECT_HANDLE_INVALID');
  });

  it('copies an object and tells its size', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await importKey(session, 'CKK_GENERIC_SECRET', new Uint8Array(20), {});
    const copy = await session.copyObject(key, { CKA_TOKEN: true, CKA_LABEL: 'kept' });
    expect(await session.getAttributes(copy, ['CKA_TOKEN', 'CKA_LABEL'])).toEqual({
      CKA_TOKEN: true,
      CKA_LABEL: 'kept',
    });
    expect(await session.findObjects({ CKA_LABEL: 'kept' })).toEqual([copy]);
    const large = await importKey(session, 'CKK_GENERIC_SECRET', new Uint8Array(120), {});
    expect((await session.objectSize(large)) - (await session.objectSize(key))).toBe(100);
    const fixed = await session.copyObject(key, { CKA_COPYABLE: false });
    expect((await refused(session.copyObject(fixed, {}))).ckr).toBe('CKR_ACTION_PROHIBITED');
    await session.destroyObject(key);
    expect((await refused(session.copyObject(key, {}))).ckr).toBe('CKR_OBJECT_HANDLE_INVALID');
    expect((await refused(session.objectSize(key))).ckr).toBe('CKR_OBJECT_HANDLE_INVALID');
  });

  it('wraps and unwraps keys, authenticated and not', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const usage = { CKA_ENCRYPT: false, CKA_DECRYPT: false, CKA_WRAP: true, CKA_UNWRAP: true };
    const wrapping = await generateAesKey(session, usage);
    const value = Uint8Array.from({ length: 32 }, (_, index) => index);
    const key = await importKey(session, 'CKK_GENERIC_SECRET', value, {});
    const template = {
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
      CKA_TOKEN: false,
      CKA_SENSITIVE: false,
      CKA_EXTRACTABLE: true,
    } as const;
    const readValue = async (object: ObjectHandle) =>
      (await session.getAttributes(object, ['CKA_VALUE'])).CKA_VALUE;
    const kwp = await session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, key);
    const again = await session.unwrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, kwp, template);
    expect(await readValue(again)).toEqual(value);

    const gcm = { mechanism: 'CKM_AES_GCM' } as const;
    const { iv, wrapped } = await session.wrapKeyAuthenticated(gcm, wrapping, key, text('context'));
    expect([iv.length, wrapped.length]).toEqual([12, 48]);
    const unwrap = (aad: string) =>
      session.unwrapKeyAuthenticated({ ...gcm, iv }, wrapping, wrapped, template, text(aad));
    expect(await readValue(await unwrap('context'))).toEqual(value);
    expect((await refused(unwrap('Context'))).ckr).toBe('CKR_WRAPPED_KEY_INVALID');
    const derived = await session
      .deriveKey(
        {
          mechanism: 'CKM_SP800_108_COUNTER_KDF',
          fields: [
            { field: 'counter', widthBits: 32 },
            { field: 'bytes', bytes: text('label') },
            { field: 'length', widthBits: 32 },
          ],
        },
        await generateSecret(session, { CKA_DERIVE: true }),
        { ...template, CKA_VALUE_LEN: 32 },
      )
      .then(readValue);
    // What comes of a sensitive key may not be readable; when it is, it is as long as was asked.
    expect(derived === undefined || derived.length === 32).toBe(true);
  });

  it('seals and opens, and seals what nobody has seen', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateSecret(session, derivation);
    const context = text('context');
    const sealed = await session.seal(key, context, text('plaintext'));
    expect(sealed.length).toBe(44 + 9);
    const open = (from: Uint8Array, aad: Uint8Array, into?: Uint8Array) =>
      session.open(key, from.subarray(0, 28), from.subarray(28, 44), aad, from.subarray(44), into);
    expect(Buffer.from(await open(sealed, context)).toString()).toBe('plaintext');
    expect((await refused(open(sealed, text('other')))).ckr).toBe('CKR_AEAD_DECRYPT_FAILED');
    const into = new Uint8Array(20);
    const opened = await open(sealed, context, into);
    expect([opened.buffer, opened.length]).toEqual([into.buffer, 9]);

    const kept = await session.sealRandom(key, context, 32, { reveal: false });
    expect([kept.sealed.length, kept.plaintext]).toEqual([76, undefined]);
    const shown = await session.sealRandom(key, context, 32, { reveal: true });
    expect(Buffer.from(await open(shown.sealed, context))).toEqual(Buffer.from(shown.plaintext!));
  });

  it('does the same work on this thread, on the pool, and too long for this thread', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateAesKey(session);
    const mechanism = {
      mechanism: 'CKM_AES_GCM',
      iv: new Uint8Array(12),
      additionalData: text('aad'),
    } as const;
    for (const length of [0, 1, 255, 2047, 2048, 70_000, 300_000]) {
      const data = new Uint8Array(length).fill(length & 0xff);
      const sealed = await session.encrypt(mechanism, key, data);
      expect(sealed.length).toBe(length + 16);
      expect(Buffer.compare(await session.decrypt(mechanism, key, sealed), data)).toBe(0);
      if (length > 256 * 1024) {
        expect(() => session.sync?.encrypt(mechanism, key, data)).toThrow('CKR_STRONGROOM_BUSY');
      } else {
        expect(Buffer.compare(session.sync!.encrypt(mechanism, key, data), sealed)).toBe(0);
      }
    }
  });

  it('falls back to the pool while another call has the session', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateAesKey(session);
    const mechanism = { mechanism: 'CKM_AES_GCM', iv: new Uint8Array(12) } as const;
    const long = new Uint8Array(900_000);
    const results = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const data = index % 2 ? long : new Uint8Array(10);
        const sealed = await session.encrypt(mechanism, key, data);
        return (await session.decrypt(mechanism, key, sealed)).length;
      }),
    );
    expect(results).toEqual(Array.from({ length: 12 }, (_, index) => (index % 2 ? 900_000 : 10)));
  });

  it('verifies by answering, and throws only for other trouble', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateSecret(session);
    const mac = await session.sign('CKM_SHA256_HMAC', key, text('data'));
    expect(await session.verify('CKM_SHA256_HMAC', key, text('data'), mac)).toBe(true);
    expect(await session.verify('CKM_SHA256_HMAC', key, text('Data'), mac)).toBe(false);
    expect(await session.verify('CKM_SHA256_HMAC', key, text('data'), mac.subarray(1))).toBe(false);
    const short = { mechanism: 'CKM_SHA256_HMAC_GENERAL', macLength: 8 } as const;
    expect(await session.sign(short, key, text('data'))).toEqual(mac.subarray(0, 8));
    const aes = await generateAesKey(session);
    const wrong = await refused(session.sign('CKM_SHA256_HMAC', aes, text('data')));
    expect(wrong.command).toBe('Sign');
    expect(await session.verify(short, key, text('data'), mac.subarray(0, 8))).toBe(true);
  });

  it('refuses outputs that do not fit the buffer it is given', async () => {
    await using token = await openMemoryDevice();
    const { session } = token;
    const key = await generateSecret(session);
    const small = new Uint8Array(31);
    const error = await refused(session.sign('CKM_SHA256_HMAC', key, text('data'), small));
    expect(error.ckr).toBe('CKR_BUFFER_TOO_SMALL');
    expect(small).toEqual(new Uint8Array(31));
    expect(await session.sign('CKM_SHA256_HMAC', key, text('data'))).toHaveLength(32);
  });

  it('lets the SO mark a wrapping key that the SO cannot see', async () => {
    await using token = await openMemoryDevice();
    const { session, slot } = token;
    const make = (more: object): Promise<ObjectHandle> =>
      generateAesKey(session, {
        CKA_TOKEN: true,
        CKA_PRIVATE: true,
        CKA_SENSITIVE: true,
        CKA_EXTRACTABLE: false,
        CKA_ENCRYPT: false,
        CKA_DECRYPT: false,
        CKA_WRAP: true,
        CKA_UNWRAP: true,
        CKA_UNWRAP_TEMPLATE: {
          CKA_CLASS: 'CKO_SECRET_KEY',
          CKA_SENSITIVE: true,
          CKA_WRAP_WITH_TRUSTED: true,
        },
        CKA_LABEL: 'domain',
        ...more,
      });
    const uniqueId = async (key: ObjectHandle) =>
      (await session.getAttributes(key, ['CKA_UNIQUE_ID'])).CKA_UNIQUE_ID!;
    const good = await uniqueId(await make({}));
    const bad = await uniqueId(await make({ CKA_ENCRYPT: true }));
    const asUser = await refused(session.markTrusted(good));
    expect(asUser.command).toBe('MarkTrusted');
    await session.logout();
    const so: Session = await slot.openSession({ readWrite: true });
    await so.login('so', SO_PIN);
    expect(await so.findObjects({ CKA_LABEL: 'domain' })).toEqual([]);
    expect((await refused(so.markTrusted(bad))).ckr).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    await so.markTrusted(good);
    await so.logout();
    await session.login('user', USER_PIN);
    const trusted = await session.findObjects({ CKA_LABEL: 'domain', CKA_TRUSTED: true });
    expect(trusted).toHaveLength(1);
    expect(await uniqueId(trusted[0]!)).toBe(good);
  });
});
