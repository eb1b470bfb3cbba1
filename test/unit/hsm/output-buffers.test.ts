/** A caller's buffer is asked for its memory once, and written to only as long as that is its memory. */
import { createCipheriv } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device, ObjectHandle, SyncSession } from '../../../src/hsm/index.ts';
import { openDevice } from '../../../src/link/in-process.ts';

const keyBytes = Buffer.alloc(32, 7);
const iv = Buffer.alloc(12, 1);
const mechanism = { mechanism: 'CKM_AES_GCM', iv } as const;
const length = 100;
const plaintext = (fill: number): Buffer => Buffer.alloc(length, fill);

function expected(fill: number): Buffer {
  const cipher = createCipheriv('aes-256-gcm', keyBytes, iv);
  return Buffer.concat([cipher.update(plaintext(fill)), cipher.final(), cipher.getAuthTag()]);
}

let device: Device;
let sync: SyncSession;
let key: ObjectHandle;

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  const slot = (await device.slots())[0]!;
  await slot.initToken('SO PIN 1234', 'outputs');
  const session = await slot.openSession({ readWrite: true });
  await session.login('so', 'SO PIN 1234');
  await session.initPin('user PIN 1234');
  await session.logout();
  await session.login('user', 'user PIN 1234');
  key = await session.createObject({
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_ENCRYPT: true,
    CKA_DECRYPT: true,
    CKA_VALUE: keyBytes,
  });
  sync = session.sync!;
});
afterAll(() => device.close());

const seal = (fill: number, into?: Uint8Array): Uint8Array =>
  sync.encrypt(mechanism, key, plaintext(fill), into);

describe('outputs of calls on this thread', () => {
  it('go to the buffer of the call, whichever came before', () => {
    const one = Buffer.alloc(length + 16);
    const two = new Uint8Array(length + 50);
    const kept: [Uint8Array, number][] = [];
    for (let fill = 0; fill < 200; fill += 1) {
      expect(expected(fill).equals(seal(fill, one))).toBe(true);
      expect(expected(fill + 1).equals(seal(fill + 1, one))).toBe(true);
      if (fill % 3 === 0) kept.push([seal(fill), fill]);
      if (fill % 5 === 0) expect(expected(fill).equals(seal(fill, two))).toBe(true);
      expect(expected(fill + 1).equals(one)).toBe(true);
      const opened = sync.decrypt(mechanism, key, expected(fill));
      expect(plaintext(fill).equals(opened)).toBe(true);
    }
    for (const [output, fill] of kept) expect(expected(fill).equals(output)).toBe(true);
    expect(two.subarray(length + 16).every((byte) => byte === 0)).toBe(true);
  });

  it('do not go to memory that a buffer has given away', () => {
    class Lying extends Uint8Array {
      override get length(): number {
        return length + 16;
      }
    }
    for (const Kind of [Uint8Array, Lying]) {
      const into = new Kind(length + 16);
      seal(1, into);
      seal(2, into);
      const moved = new Uint8Array(structuredClone(into.buffer, { transfer: [into.buffer] }));
      expect(expected(2).equals(moved)).toBe(true);
      expect(() => seal(3, into)).toThrow();
      expect(expected(2).equals(moved)).toBe(true);
      expect(expected(4).equals(seal(4))).toBe(true);
    }
  });

  it('follow a buffer that grows and shrinks', () => {
    const buffer = new ArrayBuffer(length + 16, { maxByteLength: 4096 });
    const into = new Uint8Array(buffer);
    expect(expected(1).equals(seal(1, into))).toBe(true);
    buffer.resize(4096);
    expect(expected(2).equals(seal(2, into))).toBe(true);
    buffer.resize(length);
    expect(() => seal(3, into)).toThrow('CKR_BUFFER_TOO_SMALL');
    buffer.resize(length + 16);
    expect(expected(4).equals(seal(4, into))).toBe(true);
  });

  it('fit, or nothing is written', () => {
    const into = new Uint8Array(length + 15);
    expect(() => seal(1, into)).toThrow('CKR_BUFFER_TOO_SMALL');
    expect(() => seal(1, into)).toThrow('CKR_BUFFER_TOO_SMALL');
    expect(into.every((byte) => byte === 0)).toBe(true);
    expect(() => seal(1, {} as Uint8Array)).toThrow();
    expect(expected(2).equals(seal(2))).toBe(true);
  });
});
