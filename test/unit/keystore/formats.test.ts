import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type DomainRing, loadDomainRing } from '../../../src/keystore/domain-ring.ts';
import { KeyTokenError } from '../../../src/keystore/key-store.ts';
import {
  encodeKeyToken,
  keyTokenAdditionalData,
  parseKeyToken,
} from '../../../src/keystore/key-token.ts';
import { lengthPrefixed } from '../../../src/keystore/length-prefixed.ts';
import { recordMacInput, sealRecord, verifyRecord } from '../../../src/keystore/record-mac.ts';
import { FakeKeyStore } from '../../support/fake-key-store.ts';
import { FakeMetadataStore } from '../../support/fake-metadata-store.ts';

describe('lengthPrefixed', () => {
  it('writes each field with its length in bytes', () => {
    expect(Buffer.from(lengthPrefixed(['é', Buffer.of(1, 2), ''])).toString('hex')).toBe(
      '00000002c3a9' + '000000020102' + '00000000',
    );
  });
});

describe('a key token', () => {
  const token = {
    domainKeyId: Buffer.alloc(16, 1),
    iv: Buffer.alloc(12, 2),
    wrapped: Buffer.alloc(48, 3),
  };

  it('has the bytes of docs/formats/key-token.md', () => {
    const bytes = encodeKeyToken(token);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `4b5401${'01'.repeat(16)}${'02'.repeat(12)}${'03'.repeat(48)}`,
    );
    expect(parseKeyToken(bytes)).toEqual(token);
  });

  it('cut, lengthened or of another version is none', () => {
    const bytes = Buffer.from(encodeKeyToken(token));
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(bytes);
      copy[at] = value;
      return copy;
    };
    const wrong = [
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Buffer.concat([bytes, bytes]),
      Buffer.alloc(0),
    ];
    for (const notToken of [...wrong, changed(0, 0), changed(1, 0), changed(2, 2)])
      expect(() => parseKeyToken(notToken)).toThrow(KeyTokenError);
  });

  it('is not made of malformed parts', () => {
    for (const part of ['domainKeyId', 'iv', 'wrapped'] as const)
      expect(() => encodeKeyToken({ ...token, [part]: Buffer.alloc(11) })).toThrow(TypeError);
  });

  it('is bound to every field of its key', () => {
    const binding = { accountId: 'a', region: 'b', keyId: 'c', materialId: 'd', keySpec: 'e' };
    const texts = new Set([
      Buffer.from(keyTokenAdditionalData(token.domainKeyId, binding)).toString('hex'),
    ]);
    for (const field of Object.keys(binding))
      texts.add(
        Buffer.from(
          keyTokenAdditionalData(token.domainKeyId, { ...binding, [field]: 'x' }),
        ).toString('hex'),
      );
    texts.add(Buffer.from(keyTokenAdditionalData(Buffer.alloc(16, 9), binding)).toString('hex'));
    expect(texts.size).toBe(7);
  });
});

describe('a record MAC', () => {
  const record = { table: 'keys', key: 'k', version: 3, body: Buffer.from('body') } as const;

  it('covers the bytes of docs/formats/record-mac.md', () => {
    expect(Buffer.from(recordMacInput(record)).toString('hex')).toBe(
      [
        '00000014',
        Buffer.from('strongroom record v1').toString('hex'),
        '00000004',
        Buffer.from('keys').toString('hex'),
        '00000001',
        '6b',
        '00000008',
        '0000000000000003',
        '00000004',
        Buffer.from('body').toString('hex'),
      ].join(''),
    );
  });

  it('fits one table, key, version and body', async () => {
    const mac = {
      sign: async (data: Uint8Array) => createHmac('sha256', 'k').update(data).digest(),
      verify: async (data: Uint8Array, value: Uint8Array) =>
        createHmac('sha256', 'k').update(data).digest().equals(value),
    };
    const sealed = await sealRecord(mac, record);
    await verifyRecord(mac, sealed);
    for (const change of [
      { table: 'settings' },
      { key: 'l' },
      { version: 2 },
      { body: Buffer.from('bodY') },
      { mac: Buffer.alloc(32) },
    ] as const)
      await expect(verifyRecord(mac, { ...sealed, ...change })).rejects.toThrow(
        /^record (keys|settings)\/.: MAC does not match$/,
      );
  });
});

describe('the ring of domain keys', () => {
  const ring: DomainRing = {
    region: 'r',
    keys: [{ id: '01'.repeat(16), uniqueId: 'u', state: 'active' }],
  };
  const never = () => Promise.reject(new Error('asked for a first ring'));

  it('is stored at first, and read afterwards', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    expect(await loadDomainRing(store, mac, 'r', async () => ring)).toEqual(ring);
    expect(await loadDomainRing(store, mac, 'r', never)).toMatchObject(ring);
  });

  it('is the one of the thread that came first', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    const other: DomainRing = {
      region: 'r',
      keys: [{ id: '02'.repeat(16), uniqueId: 'v', state: 'active' }],
    };
    store.beforeCommit = async () => {
      await loadDomainRing(store, mac, 'r', async () => other);
    };
    expect(await loadDomainRing(store, mac, 'r', async () => ring)).toMatchObject(other);
  });

  it('is refused when it was forged, or makes no sense', async () => {
    const { mac } = new FakeKeyStore();
    const stored = async (body: object, change = {}) => {
      const store = new FakeMetadataStore();
      const bytes = Buffer.from(JSON.stringify(body));
      const sealed = await sealRecord(mac, { table: 'domains', key: 'r', version: 1, body: bytes });
      store.records.set('domains/r', { ...sealed, ...change });
      return loadDomainRing(store, mac, 'r', never);
    };
    const good = { format: 1, ...ring };
    await expect(stored(good)).resolves.toMatchObject(ring);
    await expect(stored(good, { mac: Buffer.alloc(32) })).rejects.toThrow('MAC does not match');
    await expect(stored(good, { version: 2 })).rejects.toThrow('MAC does not match');
    await expect(stored({ ...good, format: 2 })).rejects.toThrow('unknown body format');
    await expect(stored({ ...good, region: 's' })).rejects.toThrow('another Region');
    await expect(stored({ ...good, keys: [] })).rejects.toThrow('one active');
    await expect(stored({ ...good, keys: [...ring.keys, ...ring.keys] })).rejects.toThrow(
      'one active',
    );
  });
});
