/**
 * What every link to a device promises, whatever it runs over.
 */
import { describe, expect, it } from 'vitest';
import { COMMANDS, FLAGS, FRAME_BYTES_MAX, HEADER_BYTES } from '../../src/hsm/commands.ts';
import { CKR } from '../../src/hsm/constants.ts';
import { decodeResponse, encodeRequest, HEADER } from '../../src/hsm/frame.ts';
import { type Link, LinkError } from '../../src/hsm/index.ts';

export interface LinkUnderTest {
  readonly link: Link;
  /** Sessions the device has open, over all applications; asked by another way than the link. */
  sessionCount(): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

const hello = (sequence: number): Uint8Array =>
  encodeRequest('Hello', 0, sequence, { versionMin: 1, versionMax: 1 });
const word = (frame: Uint8Array, index: number): number =>
  new DataView(frame.buffer, frame.byteOffset).getUint32(index * 4, true);

/** `sync`: whether this link says it can execute on the calling thread. */
export function linkContract(
  name: string,
  features: { sync: boolean },
  start: () => Promise<LinkUnderTest>,
): void {
  describe(`${name} keeps the link contract`, () => {
    it('brings one answer for each request, whichever order they are done in', async () => {
      await using under = await start();
      const sequences = Array.from({ length: 100 }, (_, index) => index + 1);
      const answers = await Promise.all(
        sequences.map(async (n) => decodeResponse('Hello', n, await under.link.transact(hello(n)))),
      );
      for (const answer of answers) expect(answer).toMatchObject({ status: CKR.CKR_OK });
    });

    it('has copied the request when transact returns', async () => {
      await using under = await start();
      const request = hello(5);
      const answer = under.link.transact(request);
      request.fill(0xff);
      expect(decodeResponse('Hello', 5, await answer).status).toBe(CKR.CKR_OK);
    });

    it('gives the caller a response of its own', async () => {
      await using under = await start();
      const first = await under.link.transact(hello(1));
      const copy = Uint8Array.from(first);
      const second = await under.link.transact(hello(2));
      expect(Uint8Array.from(first)).toEqual(copy);
      second.fill(0);
      expect(Uint8Array.from(first)).toEqual(copy);
    });

    it('answers frames it cannot read with error frames', async () => {
      await using under = await start();
      const cut = await under.link.transact(hello(1).subarray(0, HEADER_BYTES - 4));
      expect(word(cut, HEADER.status)).toBe(CKR.CKR_STRONGROOM_FRAME_INVALID);
      const unknown = hello(9);
      new DataView(unknown.buffer).setUint16(6, 0x7fff, true);
      const refused = await under.link.transact(unknown);
      expect(word(refused, HEADER.status)).toBe(CKR.CKR_STRONGROOM_COMMAND_UNKNOWN);
      expect(word(refused, HEADER.sequence)).toBe(9);
      expect(word(refused, HEADER.flags)).toBe(FLAGS.RESPONSE);
      const noise = await under.link.transact(new Uint8Array(100).fill(0xa5));
      expect(word(noise, HEADER.status)).toBe(CKR.CKR_STRONGROOM_FRAME_INVALID);
    });

    it('refuses frames longer than it says it carries', async () => {
      await using under = await start();
      expect(under.link.frameBytesMax).toBeLessThanOrEqual(FRAME_BYTES_MAX);
      await expect(
        under.link.transact(new Uint8Array(under.link.frameBytesMax + 1)),
      ).rejects.toBeInstanceOf(Error);
      expect(word(await under.link.transact(hello(1)), HEADER.status)).toBe(CKR.CKR_OK);
    });

    it('closes its sessions, once, and carries nothing afterwards', async () => {
      await using under = await start();
      const slots = decodeResponse(
        'GetSlotList',
        1,
        await under.link.transact(encodeRequest('GetSlotList', 0, 1, { tokenPresent: 0 })),
      );
      const slot = slots.fields?.slots[0];
      if (slot === undefined) throw new Error('the device has no slot');
      const [pin, label] = [Buffer.from('so pin of a test'), Buffer.from('link')];
      const init = encodeRequest('InitToken', 0, 3, { slot, pin, label });
      expect(word(await under.link.transact(init), HEADER.status)).toBe(CKR.CKR_OK);
      const before = await under.sessionCount();
      const open = encodeRequest('OpenSession', 0, 2, { slot, flags: 4 });
      expect(word(await under.link.transact(open), HEADER.status)).toBe(CKR.CKR_OK);
      expect(await under.sessionCount()).toBe(before + 1);
      await Promise.all([under.link.close(), under.link.close()]);
      expect(await under.sessionCount()).toBe(before);
      const error = await under.link.transact(hello(1)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LinkError);
      expect(error).toMatchObject({ kind: 'closed' });
    });

    it('finishes or refuses what is under way when it closes', async () => {
      await using under = await start();
      const pending = Array.from({ length: 20 }, (_, n) => under.link.transact(hello(n)));
      await under.link.close();
      for (const answer of await Promise.all(pending)) {
        expect([CKR.CKR_OK, CKR.CKR_DEVICE_REMOVED]).toContain(word(answer, HEADER.status));
      }
    });

    it(`${features.sync ? 'executes' : 'does not execute'} on the calling thread`, async () => {
      await using under = await start();
      const sync = under.link.transactSync;
      expect(sync !== undefined).toBe(features.sync);
      if (sync === undefined) return;
      const status = (request: Uint8Array): number => {
        sync.slab.set(request);
        sync.exec();
        // Plaintexts and PINs do not stay in the slab.
        expect(sync.slab.subarray(0, request.length).every((byte) => byte === 0)).toBe(true);
        return word(sync.slab.subarray(sync.responseOffset), HEADER.status);
      };
      for (const [name, row] of Object.entries(COMMANDS)) {
        if (row.sync) continue;
        const request = new Uint8Array(HEADER_BYTES);
        request.set(hello(1).subarray(0, HEADER_BYTES));
        new DataView(request.buffer).setUint16(6, row.number, true);
        new DataView(request.buffer).setUint32(HEADER.length * 4, HEADER_BYTES, true);
        expect(status(request), name).toBe(CKR.CKR_STRONGROOM_BUSY);
      }
      const info = encodeRequest('GetSessionInfo', 123456789, 1, {});
      expect(status(info)).toBe(CKR.CKR_SESSION_HANDLE_INVALID);
      for (const length of [0, HEADER_BYTES - 1, 0xffff_ffff]) {
        const lie = info.slice();
        new DataView(lie.buffer).setUint32(HEADER.length * 4, length, true);
        expect(status(lie), `length ${length}`).toBe(CKR.CKR_STRONGROOM_FRAME_INVALID);
      }
    });
  });
}
