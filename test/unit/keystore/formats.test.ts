import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DomainKind } from '../../../src/keystore/algorithms.ts';
import {
  type DomainKey,
  type DomainKeyFinder,
  loadDomainRing,
  rotated,
  storeDomainRing,
} from '../../../src/keystore/domain-ring.ts';
import { KeyTokenError, type Mac } from '../../../src/keystore/key-store.ts';
import {
  encodeKeyToken,
  keyTokenAdditionalData,
  parseKeyToken,
} from '../../../src/keystore/key-token.ts';
import { lengthPrefixed } from '../../../src/keystore/length-prefixed.ts';
import { recordMacInput, sealRecord, verifyRecord } from '../../../src/keystore/record-mac.ts';
import { StoreConflictError } from '../../../src/store/metadata-store.ts';
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

  it('holds keys of 1 to 4,096 bytes', () => {
    for (const length of [1, 28, 64, 2375, 4096]) {
      const long = { ...token, wrapped: Buffer.alloc(length + 16, 3) };
      expect(parseKeyToken(encodeKeyToken(long))).toEqual(long);
    }
    for (const length of [0, 15, 16, 4113]) {
      const wrong = { ...token, wrapped: Buffer.alloc(length, 3) };
      expect(() => encodeKeyToken(wrong)).toThrow(TypeError);
    }
  });

  it('cut or lengthened too far, or of another version, is none', () => {
    const bytes = Buffer.from(encodeKeyToken(token));
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(bytes);
      copy[at] = value;
      return copy;
    };
    const wrong = [
      bytes.subarray(1),
      bytes.subarray(0, 31 + 16),
      Buffer.concat([bytes, Buffer.alloc(4096 - 31)]),
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
    const binding = { accountId: 'a', region: 'b', keyId: 'c', materialId: 'd' };
    const input = (change: object, id: Uint8Array = token.domainKeyId): string => {
      const bound = { ...binding, keySpec: 'RSA_2048' as const, ...change };
      return Buffer.from(keyTokenAdditionalData(id, bound)).toString('hex');
    };
    const texts = new Set([input({}), input({ keySpec: 'RSA_3072' }), input({}, Buffer.alloc(16))]);
    for (const field of Object.keys(binding)) texts.add(input({ [field]: 'x' }));
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
  const kinds = ['seal', 'mac', 'sign', 'decrypt'] as const;
  const nameOf = (kind: DomainKind, id = '01'.repeat(16)) => ({
    kind,
    id,
    uniqueId: `${kind} of ${id.slice(0, 2)}`,
  });
  const active = (kind: DomainKind, id?: string) =>
    ({ ...nameOf(kind, id), state: 'active' }) as const;
  const keys: readonly DomainKey[] = kinds.map((kind) => active(kind));
  const ring = { region: 'r', keys };
  const finds: DomainKeyFinder = async (kind) => nameOf(kind);
  const never: DomainKeyFinder = (kind) => Promise.reject(new Error(`asked for ${kind}`));
  const stored = async (store: FakeMetadataStore, mac: Mac, body: object, change = {}) => {
    const bytes = Buffer.from(JSON.stringify(body));
    const sealed = await sealRecord(mac, { table: 'domains', key: 'r', version: 1, body: bytes });
    store.records.set('domains/r', { ...sealed, ...change });
  };

  it('is stored at first, and read afterwards', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    expect(await loadDomainRing(store, mac, 'r', finds)).toEqual({ ...ring, version: 1 });
    expect(await loadDomainRing(store, mac, 'r', never)).toEqual({ ...ring, version: 1 });
    const { body } = store.records.get('domains/r')!;
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({ format: 3, ...ring });
  });

  it('is the one of the thread that came first', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    const other = '02'.repeat(16);
    store.beforeCommit = async () => {
      await loadDomainRing(store, mac, 'r', async (kind) => nameOf(kind, other));
    };
    const { keys: found } = await loadDomainRing(store, mac, 'r', finds);
    expect(found).toEqual(kinds.map((kind) => active(kind, other)));
  });

  it('of one kind of domain key is completed, once', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    const [first, second] = ['03'.repeat(16), '04'.repeat(16)];
    const old = (id: string, state: string) => ({
      id,
      uniqueId: nameOf('seal', id).uniqueId,
      state,
    });
    await stored(store, mac, {
      format: 1,
      region: 'r',
      keys: [old(first, 'retired'), old(second, 'active')],
    });
    const expected = {
      region: 'r',
      keys: [
        { ...nameOf('seal', first), state: 'retired' },
        active('seal', second),
        active('mac'),
        active('sign'),
        active('decrypt'),
      ],
      version: 2,
    };
    expect(await loadDomainRing(store, mac, 'r', finds)).toEqual(expected);
    expect(await loadDomainRing(store, mac, 'r', never)).toEqual(expected);
  });

  it('of generations is read as it is, and left as it is', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    const id = '05'.repeat(16);
    const uniqueIds = Object.fromEntries(kinds.map((kind) => [kind, nameOf(kind, id).uniqueId]));
    await stored(store, mac, {
      format: 2,
      region: 'r',
      keys: [{ id, uniqueIds, state: 'active' }],
    });
    expect(await loadDomainRing(store, mac, 'r', never)).toEqual({
      region: 'r',
      keys: kinds.map((kind) => active(kind, id)),
      version: 1,
    });
  });

  it('retires a key when another takes its place, and changes over what was read only', async () => {
    const [store, { mac }] = [new FakeMetadataStore(), new FakeKeyStore()];
    const first = await loadDomainRing(store, mac, 'r', finds);
    const replacement = nameOf('mac', '06'.repeat(16));
    const changed = rotated(first.keys, [replacement], 77);
    expect(changed).toEqual([
      active('seal'),
      { ...nameOf('mac'), state: 'retired', retiredAtMs: 77 },
      active('sign'),
      active('decrypt'),
      { ...replacement, state: 'active' },
    ]);
    const next = await storeDomainRing(store, mac, { ...first, keys: changed });
    expect(await loadDomainRing(store, mac, 'r', never)).toEqual(next);
    await expect(storeDomainRing(store, mac, first)).rejects.toThrow(StoreConflictError);
  });

  it('is refused when it was forged, or makes no sense', async () => {
    const { mac } = new FakeKeyStore();
    const load = async (body: object, change = {}) => {
      const store = new FakeMetadataStore();
      await stored(store, mac, body, change);
      return loadDomainRing(store, mac, 'r', never);
    };
    const good = { format: 3, ...ring };
    await expect(load(good)).resolves.toEqual({ ...ring, version: 1 });
    await expect(load(good, { mac: Buffer.alloc(32) })).rejects.toThrow('MAC does not match');
    await expect(load(good, { version: 2 })).rejects.toThrow('MAC does not match');
    await expect(load({ ...good, format: 4 })).rejects.toThrow('unknown body format');
    await expect(load({ ...good, region: 's' })).rejects.toThrow('another Region');
    await expect(load({ ...good, keys: [] })).rejects.toThrow('one active');
    await expect(load({ ...good, keys: [...keys, active('mac')] })).rejects.toThrow('one active');
    const retired = keys.map((key) => ({ ...key, state: 'retired' }));
    await expect(load({ ...good, keys: retired })).rejects.toThrow('one active');
    const nameless = keys.map((key) => ({ ...key, uniqueId: '' }));
    await expect(load({ ...good, keys: nameless })).rejects.toThrow('without a name');
  });
});
