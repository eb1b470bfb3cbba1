import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CKR } from '../../../src/hsm/constants.ts';
import { CkrError } from '../../../src/hsm/index.ts';
import { isInside, SoPinHandOver, withSoPin } from '../../../src/server/so-pin.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const pin = Buffer.from('1234567890123456');

describe('isInside', () => {
  it('sees through symbolic links and the parts of a path that are not there yet', () => {
    const scratch = scratchDirectory();
    const data = join(scratch, 'data');
    mkdirSync(data);
    symlinkSync(data, join(scratch, 'link'));
    expect(isInside(data, data)).toBe(true);
    expect(isInside(data, join(data, 'new', 'pin'))).toBe(true);
    expect(isInside(data, join(scratch, 'link', 'pin'))).toBe(true);
    expect(isInside(join(scratch, 'link'), join(data, 'pin'))).toBe(true);
    expect(isInside(data, join(data, '..', 'pin'))).toBe(false);
    expect(isInside(data, `${data}.so-pin`)).toBe(false);
    expect(isInside(data, join(data, '..pin'))).toBe(true);
  });
});

describe('the hand-over', () => {
  function place() {
    const scratch = scratchDirectory();
    return { file: join(scratch, 'safe', 'pin'), mark: join(scratch, 'mark') };
  }

  it('writes a file of its owner alone, once', () => {
    const { file, mark } = place();
    const handOver = new SoPinHandOver(file, mark);
    handOver.write(pin);
    handOver.done();
    expect(readFileSync(file, 'latin1')).toBe('1234567890123456\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(() => new SoPinHandOver(file, mark)).toThrow(/is there already/);
    expect(readFileSync(file, 'latin1')).toBe('1234567890123456\n');
  });

  it('takes away what a first boot that was cut off left, and nothing else', () => {
    const { file, mark } = place();
    new SoPinHandOver(file, mark).write(pin);
    const again = new SoPinHandOver(file, mark);
    again.write(Buffer.from('6543210987654321'));
    again.done();
    expect(readFileSync(file, 'latin1')).toBe('6543210987654321\n');

    const other = place();
    new SoPinHandOver(other.file, other.mark).write(pin);
    mkdirSync(join(other.file, '..', 'kept'));
    const kept = join(other.file, '..', 'kept', 'pin');
    writeFileSync(kept, 'another device');
    expect(() => new SoPinHandOver(kept, other.mark)).toThrow(/is there already/);
    expect(readFileSync(kept, 'latin1')).toBe('another device');
  });

  it('says that it cannot write', () => {
    const { mark } = place();
    const handOver = new SoPinHandOver('/proc/strongroom/pin', mark);
    expect(() => handOver.write(pin)).toThrow(/PIN cannot be written/);
  });
});

describe('withSoPin', () => {
  function written(text: string): string {
    const file = join(scratchDirectory(), 'pin');
    writeFileSync(file, text);
    return file;
  }

  it('gives the PIN for the time of the ceremony, and wipes it', async () => {
    let seen: Uint8Array | undefined;
    const result = await withSoPin(written('1234567890123456\r\n'), 'it', async (given) => {
      seen = given;
      expect(Buffer.from(given).toString()).toBe('1234567890123456');
      return 7;
    });
    expect(result).toBe(7);
    expect(seen?.every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ['', /holds no PIN/],
    ['\n\n', /holds no PIN/],
    ['1'.repeat(256), /more than a PIN/],
    ['1'.repeat(5000), /more than a PIN/],
  ])('refuses a file that holds none: no try is used (%#)', async (text, message) => {
    const ceremony = async () => expect.fail('a try was used');
    await expect(withSoPin(written(text), 'it', ceremony)).rejects.toThrow(message);
  });

  it('names what needs it when the file is not there, and the file when the PIN is wrong', async () => {
    await expect(withSoPin('/nowhere/pin', 'rotation', async () => 1)).rejects.toThrow(
      /^rotation needs the security officer.*\/nowhere\/pin.*--so-pin-file/,
    );
    const file = written('0000');
    const refuse = (ckr: number) => async () => {
      throw new CkrError(ckr, 'Login');
    };
    await expect(withSoPin(file, 'it', refuse(CKR.CKR_PIN_INCORRECT))).rejects.toThrow(
      /is not the security officer's; this was one of the tries/,
    );
    await expect(withSoPin(file, 'it', refuse(CKR.CKR_PIN_LOCKED))).rejects.toThrow(/locked out/);
    await expect(withSoPin(file, 'it', refuse(CKR.CKR_DEVICE_ERROR))).rejects.toThrow(CkrError);
  });
});
