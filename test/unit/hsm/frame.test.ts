/** The codec by rows: every row goes from here to the native side and back. */
import { describe, expect, it } from 'vitest';
import { COMMANDS, type CommandName, HEADER_BYTES } from '../../../src/hsm/commands.ts';
import { CKR, CKR_ENDS, type CkrName } from '../../../src/hsm/constants.ts';
import { ckrName } from '../../../src/hsm/errors.ts';
import { decodeResponse, encodeRequest, HEADER } from '../../../src/hsm/frame.ts';
import { LinkError } from '../../../src/hsm/link.ts';
import { encodeMechanism } from '../../../src/hsm/mechanisms.ts';
import { openLink } from '../../../src/link/in-process.ts';

type Fields = Parameters<typeof encodeRequest>[3];

/** A value for each request field type. */
const samples: Record<string, unknown> = {
  u32: 1,
  u64: 256,
  object: 4096,
  bytes: Buffer.from('fives'),
  data: Buffer.from('fives'),
  template: { CKA_LABEL: 'abc', CKA_UNWRAP_TEMPLATE: { CKA_SENSITIVE: true } },
  mechanism: encodeMechanism({ mechanism: 'CKM_SHA256_HMAC_GENERAL', macLength: 16 }),
  u32s: [3, 0],
  objects: [4096],
};

function sampleRequest(command: CommandName, session: number, sequence: number): Uint8Array {
  const fields = Object.entries(COMMANDS[command].request).map(([name, type]) => [
    name,
    samples[type],
  ]);
  return encodeRequest(command, session, sequence, Object.fromEntries(fields) as Fields);
}

const word = (frame: Uint8Array, index: number): number =>
  new DataView(frame.buffer, frame.byteOffset).getUint32(index * 4, true);

async function withLink<T>(
  use: (transact: (request: Uint8Array) => Promise<Uint8Array>, slot: number) => Promise<T>,
): Promise<T> {
  const { link } = await openLink({
    flashDirectory: null,
    slotCount: 1,
    create: true,
    pinIterations: 1,
  });
  try {
    const transact = (request: Uint8Array) => link.transact(request);
    const list = encodeRequest('GetSlotList', 0, 1, { tokenPresent: 1 });
    const { fields } = decodeResponse('GetSlotList', 1, await transact(list));
    const slot = fields?.slots[0] ?? 0;
    const [pin, label] = [Buffer.from('so pin of a test'), Buffer.from('frames')];
    await transact(encodeRequest('InitToken', 0, 2, { slot, pin, label }));
    return await use(transact, slot);
  } finally {
    await link.close();
  }
}

describe('every row', () => {
  it('is decoded natively and its answer here', async () => {
    await withLink(async (transact, slot) => {
      for (const command of Object.keys(COMMANDS) as CommandName[]) {
        const row = COMMANDS[command];
        let session = 0;
        if (row.session) {
          const open = encodeRequest('OpenSession', 0, 3, { slot, flags: 6 });
          session = decodeResponse('OpenSession', 3, await transact(open)).fields?.session ?? 0;
          expect(session).toBeGreaterThan(0);
        }
        const request = sampleRequest(command, session, 77);
        const { status } = decodeResponse(command, 77, await transact(request));
        const name = ckrName(status);
        expect(row.ckr as readonly string[], `${command} answers ${name}`).toContain(name);
        expect(name).not.toBe('CKR_STRONGROOM_FRAME_INVALID');
      }
    });
  });

  it('is refused natively when it is cut or longer', async () => {
    await withLink(async (transact) => {
      for (const command of Object.keys(COMMANDS) as CommandName[]) {
        const whole = sampleRequest(command, 0, 1);
        for (const length of [whole.length - 4, whole.length + 4]) {
          if (length < HEADER_BYTES || COMMANDS[command].session) continue;
          const request = new Uint8Array(length);
          request.set(whole.subarray(0, length));
          new DataView(request.buffer).setUint32(HEADER.length * 4, length, true);
          const status = word(await transact(request), HEADER.status);
          expect(status, command).toBe(CKR.CKR_STRONGROOM_FRAME_INVALID);
        }
      }
    });
  });

  it('names return values that exist', () => {
    for (const row of Object.values(COMMANDS)) {
      for (const name of row.ckr) expect(CKR).toHaveProperty(name);
    }
    for (const name of Object.keys(CKR_ENDS)) expect(CKR).toHaveProperty(name);
  });
});

describe('a response', () => {
  const answer = async (): Promise<Uint8Array> =>
    withLink((transact) =>
      transact(encodeRequest('Hello', 0, 7, { versionMin: 1, versionMax: 1 })),
    );

  it('is not read when it is another one, or damaged', async () => {
    const good = Uint8Array.from(await answer());
    expect(decodeResponse('Hello', 7, good).fields?.version).toBe(1);
    expect(() => decodeResponse('Hello', 8, good)).toThrow(LinkError);
    expect(() => decodeResponse('GetSlotList', 7, good)).toThrow(LinkError);
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeResponse('Hello', 7, good.subarray(0, length))).toThrow(LinkError);
    }
    for (const index of [HEADER.magic, HEADER.command, HEADER.flags, HEADER.length]) {
      const damaged = good.slice();
      damaged[index * 4]! ^= 0x01;
      expect(() => decodeResponse('Hello', 7, damaged)).toThrow(LinkError);
    }
  });

  it('with lengths that lie is not read', () => {
    const frame = new Uint8Array(HEADER_BYTES + 8);
    const view = new DataView(frame.buffer);
    view.setUint32(0, 0x4d465253, true);
    view.setUint32(4, 1 | (COMMANDS.GetSelfTests.number << 16), true);
    view.setUint32(8, 1, true);
    view.setUint32(HEADER.length * 4, frame.length, true);
    for (const length of [5, 0x7fffffff, 0x80000000, 0x80000004, 0xffffffff]) {
      view.setUint32(HEADER_BYTES, length, true);
      expect(() => decodeResponse('GetSelfTests', 0, frame), String(length)).toThrow(LinkError);
    }
  });
});

describe('a request', () => {
  it('refuses values that do not fit their field', () => {
    expect(() => encodeRequest('GenerateRandom', 1, 1, { length: -1 })).toThrow(RangeError);
    expect(() => encodeRequest('GenerateRandom', 1, 1, { length: 2 ** 32 })).toThrow(RangeError);
    expect(() => encodeRequest('DestroyObject', 1, 1, { object: 2 ** 53 })).toThrow(RangeError);
    expect(() =>
      encodeRequest('SeedRandom', 1, 1, { seed: 'text' as unknown as Uint8Array }),
    ).toThrow(TypeError);
  });
});

it('names every return value', () => {
  for (const [name, code] of Object.entries(CKR) as [CkrName, number][]) {
    expect(ckrName(code)).toBe(name);
  }
  expect(ckrName(0x80000001)).toBe('CKR_VENDOR_DEFINED');
});
