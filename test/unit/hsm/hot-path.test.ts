/** Frames written straight into the slab are those the codec by rows makes. */
import { describe, expect, it } from 'vitest';
import { FLAGS, HEADER_BYTES, SLAB_BYTES } from '../../../src/hsm/commands.ts';
import { CKR } from '../../../src/hsm/constants.ts';
import { encodeRequest, HEADER } from '../../../src/hsm/frame.ts';
import { HotPath, type ObjectHandle } from '../../../src/hsm/hot-path.ts';
import type { Link, SyncLink } from '../../../src/hsm/link.ts';
import {
  encodeGcmMessage,
  encodeGcmMessageTag,
  encodeMechanism,
  encodeSeal,
} from '../../../src/hsm/mechanisms.ts';
import { SyncSession } from '../../../src/hsm/sync-session.ts';
import { Transport } from '../../../src/hsm/transport.ts';

const sessionHandle = 2 ** 40 + 17;
const key = (2 ** 45 + 99) as ObjectHandle;
const none = new Uint8Array(0);
const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + 1) & 0xff);

/** A link that keeps the request it was given and answers `status`. */
function recorder(status: number) {
  const slab = new Uint8Array(2 * SLAB_BYTES).fill(0xee);
  const seen: { request: Uint8Array; input: Uint8Array; output: Uint8Array }[] = [];
  const run = (input: Uint8Array, buffer: Uint8Array, offset: number): void => {
    const room = new DataView(slab.buffer).getUint32(HEADER.attachedOutput * 4, true);
    const whole = offset === 0 && room === buffer.length;
    const output = whole ? buffer : buffer.subarray(offset, offset + room);
    const length = new DataView(slab.buffer).getUint32(HEADER.length * 4, true);
    seen.push({ request: Uint8Array.from(slab.subarray(0, length)), input, output });
    const answer = new DataView(slab.buffer, SLAB_BYTES);
    answer.setUint32(HEADER.status * 4, status, true);
    answer.setUint32(HEADER.attachedOutput * 4, output.length, true);
  };
  const transactSync: SyncLink = {
    slab,
    responseOffset: SLAB_BYTES,
    exec: () => run(none, none, 0),
    execOut: (output, offset) => run(none, output, offset),
    execInOut: run,
  };
  const transport = new Transport({ transactSync } as unknown as Link);
  const state = transport.opened(sessionHandle);
  return { hot: new HotPath(transport, transactSync, state), seen, state };
}

/** The request without what says that the output is attached. */
function inline(request: Uint8Array): Uint8Array {
  const copy = request.slice();
  const view = new DataView(copy.buffer);
  const flags = view.getUint32(HEADER.flags * 4, true);
  view.setUint32(HEADER.flags * 4, flags & ~FLAGS.ATTACHED_OUTPUT, true);
  view.setUint32(HEADER.attachedOutput * 4, 0, true);
  return copy;
}

const pss = { mechanism: 'CKM_SHA256_RSA_PKCS_PSS', hash: 'SHA-256', saltLength: 9 } as const;

describe('every frame of the hot path', () => {
  const lengths = [0, 1, 3, 4, 5, 31, 256, 2047];
  const cases: Record<string, [(hot: HotPath, n: number) => unknown, (n: number) => Uint8Array]> = {
    'Encrypt GCM': [
      (hot, n) =>
        hot.encrypt(
          { mechanism: 'CKM_AES_GCM', iv: bytes(12), additionalData: bytes(n), tagBits: 96 },
          key,
          bytes(n),
        ),
      (n) =>
        encodeRequest('Encrypt', sessionHandle, 0, {
          mechanism: encodeMechanism({
            mechanism: 'CKM_AES_GCM',
            iv: bytes(12),
            additionalData: bytes(n),
            tagBits: 96,
          }),
          key,
          data: bytes(n),
        }),
    ],
    'Decrypt GCM': [
      (hot, n) => hot.decrypt({ mechanism: 'CKM_AES_GCM', iv: bytes(13) }, key, bytes(n)),
      (n) =>
        encodeRequest('Decrypt', sessionHandle, 0, {
          mechanism: encodeMechanism({ mechanism: 'CKM_AES_GCM', iv: bytes(13) }),
          key,
          data: bytes(n),
        }),
    ],
    seal: [
      (hot, n) => hot.seal(key, bytes(n), bytes(n)),
      (n) =>
        encodeRequest('MessageEncrypt', sessionHandle, 0, {
          mechanism: encodeSeal(none, none),
          key,
          additionalData: bytes(n),
          data: bytes(n),
        }),
    ],
    open: [
      (hot, n) => hot.open(key, bytes(28), bytes(16), bytes(n), bytes(n)),
      (n) =>
        encodeRequest('MessageDecrypt', sessionHandle, 0, {
          mechanism: encodeSeal(bytes(28), bytes(16)),
          key,
          additionalData: bytes(n),
          data: bytes(n),
        }),
    ],
    'MessageEncrypt with a given IV': [
      (hot, n) => hot.encryptMessage(key, { iv: bytes(15), additionalData: bytes(n) }, bytes(n)),
      (n) =>
        encodeRequest('MessageEncrypt', sessionHandle, 0, {
          mechanism: encodeGcmMessage({ iv: bytes(15) }),
          key,
          additionalData: bytes(n),
          data: bytes(n),
        }),
    ],
    "MessageEncrypt with the token's IV": [
      (hot, n) => hot.encryptMessage(key, { tagBits: 104 }, bytes(n)),
      (n) =>
        encodeRequest('MessageEncrypt', sessionHandle, 0, {
          mechanism: encodeGcmMessage({ tagBits: 104 }),
          key,
          additionalData: none,
          data: bytes(n),
        }),
    ],
    MessageDecrypt: [
      (hot, n) =>
        hot.decryptMessage(
          key,
          { iv: bytes(12), tag: bytes(13), additionalData: bytes(n) },
          bytes(n),
        ),
      (n) =>
        encodeRequest('MessageDecrypt', sessionHandle, 0, {
          mechanism: encodeGcmMessageTag({ iv: bytes(12), tag: bytes(13) }),
          key,
          additionalData: bytes(n),
          data: bytes(n),
        }),
    ],
    SealRandom: [
      (hot, n) => hot.sealRandom(key, bytes(n), 24, true),
      (n) =>
        encodeRequest('SealRandom', sessionHandle, 0, {
          key,
          additionalData: bytes(n),
          length: 24,
          reveal: 1,
        }),
    ],
    Sign: [
      (hot, n) => hot.sign('CKM_SHA256_HMAC', key, bytes(n)),
      (n) =>
        encodeRequest('Sign', sessionHandle, 0, {
          mechanism: encodeMechanism('CKM_SHA256_HMAC'),
          key,
          data: bytes(n),
        }),
    ],
    Verify: [
      (hot, n) => hot.verify('CKM_SHA256_HMAC', key, bytes(n), bytes(32)),
      (n) =>
        encodeRequest('Verify', sessionHandle, 0, {
          mechanism: encodeMechanism('CKM_SHA256_HMAC'),
          key,
          data: bytes(n),
          signature: bytes(32),
        }),
    ],
    'Sign ECDSA': [
      (hot, n) => hot.sign('CKM_ECDSA_SHA256', key, bytes(n)),
      (n) =>
        encodeRequest('Sign', sessionHandle, 0, {
          mechanism: encodeMechanism('CKM_ECDSA_SHA256'),
          key,
          data: bytes(n),
        }),
    ],
    'Verify PSS': [
      (hot, n) => hot.verify(pss, key, bytes(n), bytes(256)),
      (n) =>
        encodeRequest('Verify', sessionHandle, 0, {
          mechanism: encodeMechanism(pss),
          key,
          data: bytes(n),
          signature: bytes(256),
        }),
    ],
    GenerateRandom: [
      (hot, n) => hot.generateRandom(n),
      (n) => encodeRequest('GenerateRandom', sessionHandle, 0, { length: n }),
    ],
  };

  it.each(Object.keys(cases))('%s is the one of the codec', (name) => {
    const [write, expected] = cases[name]!;
    const { hot, seen } = recorder(CKR.CKR_OK);
    for (const length of lengths) {
      write(hot, length);
      expect(inline(seen.at(-1)!.request), `${name} ${length}`).toEqual(expected(length));
    }
  });
});

describe('the hot path', () => {
  it('attaches long inputs and leaves their bytes out of the frame', () => {
    const { hot, seen } = recorder(CKR.CKR_OK);
    const data = bytes(2048);
    hot.sign('CKM_SHA256_HMAC', key, data);
    const { request, input } = seen[0]!;
    expect(input).toBe(data);
    const view = new DataView(request.buffer);
    expect(view.getUint32(HEADER.flags * 4, true)).toBe(
      FLAGS.ATTACHED_INPUT | FLAGS.ATTACHED_OUTPUT,
    );
    expect(view.getUint32(HEADER.attachedInput * 4, true)).toBe(2048);
    expect(view.getUint32(request.length - 4, true)).toBe(0x80000000 + 2048);
    expect(request.length).toBe(HEADER_BYTES + 20);
  });

  it('writes to the buffer it is given', () => {
    const { hot, seen } = recorder(CKR.CKR_OK);
    const into = new Uint8Array(100);
    expect(hot.seal(key, none, bytes(56), into)).toBe(into);
    expect(seen[0]!.output).toBe(into);
  });

  it('gives up what is too long for this thread, without a call', () => {
    const { hot, seen } = recorder(CKR.CKR_OK);
    expect(hot.seal(key, none, new Uint8Array(256 * 1024 + 1))).toBeUndefined();
    expect(hot.seal(key, new Uint8Array(SLAB_BYTES), none)).toBeUndefined();
    expect(hot.generateRandom(256 * 1024 + 1)).toBeUndefined();
    expect(hot.generateRandom(Number.NaN)).toBeUndefined();
    expect(seen).toEqual([]);
  });

  it('gives up when the token is busy, and its throwing face says so', () => {
    const { hot } = recorder(CKR.CKR_STRONGROOM_BUSY);
    expect(hot.seal(key, none, none)).toBeUndefined();
    expect(hot.verify('CKM_SHA256_HMAC', key, none, none)).toBeUndefined();
    expect(() => new SyncSession(hot).seal(key, none, none)).toThrow('CKR_STRONGROOM_BUSY');
  });

  it('ends the session when the answer says so', () => {
    const { hot, state, seen } = recorder(CKR.CKR_SESSION_CLOSED);
    expect(() => hot.generateRandom(1)).toThrow('CKR_SESSION_CLOSED');
    expect(state.open).toBe(false);
    expect(() => hot.generateRandom(1)).toThrow('CKR_SESSION_HANDLE_INVALID');
    expect(seen).toHaveLength(1);
  });
});

describe('where outputs go', () => {
  it('each to room of its own, and to `into` even when that was the last result', () => {
    const { hot, seen } = recorder(CKR.CKR_OK);
    const first = hot.sign('CKM_SHA256_HMAC', key, bytes(1))!;
    const second = hot.sign('CKM_SHA256_HMAC', key, bytes(1))!;
    expect(seen[1]?.output.buffer).toBe(second.buffer);
    expect(seen[1]?.output.byteOffset).toBe(second.byteOffset);
    expect(second.byteOffset).toBeGreaterThanOrEqual(first.byteOffset + first.length);
    hot.sign('CKM_SHA256_HMAC', key, bytes(1), second);
    expect(seen[2]?.output).toBe(second);
  });

  it('secrets and other results never share a buffer', () => {
    const { hot } = recorder(CKR.CKR_OK);
    const mac = hot.sign('CKM_SHA256_HMAC', key, bytes(1))!;
    const secret = hot.generateRandom(32)!;
    expect(secret.buffer).not.toBe(mac.buffer);
  });
});
