import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CommandError, UsageError } from '../../../../src/cli/exit.ts';
import { hasPin, PINS, type Pin, readPin } from '../../../../src/cli/hsm/pin-source.ts';
import { scratchDirectory } from '../../../support/scratch.ts';

const scratch = scratchDirectory();
const text = (pin: Pin): string => Buffer.from(pin.bytes).toString('utf8');

class FakeTerminal {
  readonly isTTY: boolean;
  readonly input: PassThrough & { isTTY?: boolean; setRawMode?(raw: boolean): void };
  readonly modes: boolean[] = [];
  shown = '';
  readonly output = {
    write: (shown: string): void => {
      this.shown += shown;
    },
  };

  constructor(isTTY = true) {
    this.isTTY = isTTY;
    this.input = Object.assign(new PassThrough(), {
      isTTY,
      setRawMode: (raw: boolean): void => {
        this.modes.push(raw);
      },
    });
  }
}

describe('a PIN', () => {
  it('is the first line of a file', async () => {
    const file = join(scratch, 'pin');
    for (const content of ['1234', '1234\n', '1234\r\n', '1234\nmore\n']) {
      writeFileSync(file, content);
      using pin = await readPin(PINS.user, { 'pin-file': file }, { STRONGROOM_PIN: 'other' });
      expect(text(pin)).toBe('1234');
    }
    writeFileSync(file, ' spaces stay ');
    expect(text(await readPin(PINS.user, { 'pin-file': file }, {}))).toBe(' spaces stay ');
    writeFileSync(file, 'x'.repeat(2000));
    await expect(readPin(PINS.user, { 'pin-file': file }, {})).rejects.toThrow(/too long/);
    const absent = { 'so-pin-file': join(scratch, 'absent') };
    await expect(readPin(PINS.so, absent, {})).rejects.toThrow(/no PIN was read: .*ENOENT/);
  });

  it('is in the environment, each in its variable', async () => {
    const environment = {
      STRONGROOM_PIN: 'user',
      STRONGROOM_SO_PIN: 'so',
      STRONGROOM_NEW_PIN: 'nöw',
    };
    expect(text(await readPin(PINS.user, {}, environment))).toBe('user');
    expect(text(await readPin(PINS.so, {}, environment))).toBe('so');
    expect(text(await readPin(PINS.newUser, {}, environment))).toBe('nöw');
    expect(hasPin(PINS.newUser, {}, environment)).toBe(true);
    expect(hasPin(PINS.newUser, {}, {})).toBe(false);
    expect(hasPin(PINS.newUser, { 'new-pin-file': 'x' }, {})).toBe(true);
  });

  it('is wiped when its block is left', async () => {
    let kept: Pin;
    {
      using pin = await readPin(PINS.user, {}, { STRONGROOM_PIN: '1234' });
      kept = pin;
    }
    expect(kept.bytes).toEqual(new Uint8Array(4));
  });

  it('is asked for, and nothing of it is shown', async () => {
    const terminal = new FakeTerminal();
    const asked = readPin(PINS.user, {}, {}, terminal);
    for (const typed of ['wrong\x15', 'se', 'cx\x7f', 'räß\x08et', '\r'])
      terminal.input.write(typed);
    expect(text(await asked)).toBe('secräet');
    expect(terminal.shown).toBe('user PIN: \n');
    expect(terminal.modes).toEqual([true, false]);
    expect(terminal.input.destroyed).toBe(false);
  });

  it('is asked for twice when it is new', async () => {
    const typed = async (second: string): Promise<Pin> => {
      const terminal = new FakeTerminal();
      const asked = readPin(PINS.newUser, {}, {}, terminal);
      terminal.input.write('one\r');
      await expect.poll(() => terminal.shown).toContain('again');
      terminal.input.write(`${second}\n`);
      return asked;
    };
    expect(text(await typed('one'))).toBe('one');
    await expect(typed('two')).rejects.toThrow(/not the same; nothing was changed/);
  });

  it.each(['\x03', '\x04', 'abc\x03'])('is given up with %j', async (typed) => {
    const terminal = new FakeTerminal();
    const asked = readPin(PINS.user, {}, {}, terminal);
    terminal.input.write(typed);
    await expect(asked).rejects.toThrow(CommandError);
    expect(terminal.modes).toEqual([true, false]);
  });

  it('is not waited for where nobody types', async () => {
    const asked = readPin(PINS.so, {}, {}, new FakeTerminal(false));
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(/--so-pin-file FILE, STRONGROOM_SO_PIN/);
  });
});
