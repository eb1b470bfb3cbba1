import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../../src/cli/exit.ts';
import { findPlace } from '../../../../src/cli/hsm/place.ts';
import { scratchDirectory } from '../../../support/scratch.ts';

const scratch = scratchDirectory();
const file = join(scratch, 'pkcs11.conf');

function configured(text: string): Record<string, string> {
  writeFileSync(file, text);
  return { HOME: '/users/alice', STRONGROOM_PKCS11_CONF: file };
}

describe('the device directory', () => {
  it('is what the flag says, then the environment, then the file, then the default', () => {
    const environment = configured('directory = /srv/token\n');
    expect(findPlace('named', { ...environment, STRONGROOM_TOKEN_DIR: '/other' }).directory).toBe(
      join(process.cwd(), 'named'),
    );
    expect(findPlace(undefined, { ...environment, STRONGROOM_TOKEN_DIR: '/other' })).toEqual({
      directory: '/other',
      slotCount: 1,
    });
    expect(findPlace(undefined, environment).directory).toBe('/srv/token');
    const home = '/users/alice/.local/share/strongroom/token';
    expect(findPlace(undefined, configured('')).directory).toBe(home);
    const data = { ...configured(''), XDG_DATA_HOME: '/data' };
    expect(findPlace(undefined, data).directory).toBe('/data/strongroom/token');
    // A relative base directory is to be ignored, says the specification.
    expect(findPlace(undefined, { ...data, XDG_DATA_HOME: 'data' }).directory).toBe(home);
  });

  it('expands a home directory, and counts slots', () => {
    const environment = configured(
      '# a comment\n\n  slots = 3\ndirectory=~/tokens\r\nsessions = 2\nrw_sessions=1\nsession_idle_seconds = 0\n',
    );
    expect(findPlace(undefined, environment)).toEqual({
      directory: '/users/alice/tokens',
      slotCount: 3,
    });
    expect(findPlace('/elsewhere', environment).slotCount).toBe(3);
  });

  it("finds the user's own file", () => {
    mkdirSync(join(scratch, 'config', 'strongroom'), { recursive: true });
    writeFileSync(join(scratch, 'config', 'strongroom', 'pkcs11.conf'), 'slots = 7\n');
    const environment = { HOME: '/nowhere', XDG_CONFIG_HOME: join(scratch, 'config') };
    expect(findPlace('/x', environment).slotCount).toBe(7);
  });

  // The same sentences as libstrongroom-pkcs11.so's: native/test/module/module_test.cc.
  it.each([
    ['slots = 0\n', 'line 1: slots has to be 1 to 64'],
    ['\nslots = 65\n', 'line 2: slots has to be 1 to 64'],
    ['slots = 1x\n', 'line 1: slots has to be 1 to 64'],
    ['sessions = -1\n', 'line 1: sessions has to be 1 to 1048576'],
    ['session_idle_seconds = 31536001\n', 'line 1: session_idle_seconds has to be 0 to 31536000'],
    ['directory = tokens\n', 'line 1: directory has to be an absolute path'],
    ['directory\n', 'line 1: not "name = value"'],
    ['slot = 1\n', 'line 1: unknown setting slot'],
    ['toString = 1\n', 'line 1: unknown setting toString'],
  ])('is refused with the reason: %j', (text, why) => {
    expect(() => findPlace(undefined, configured(text))).toThrow(
      new CommandError(`${file} ${why}`),
    );
  });

  it('needs a home, or a word', () => {
    expect(() => findPlace(undefined, {})).toThrow(/no directory is configured/);
    expect(findPlace('/x', {}).directory).toBe('/x');
    const absent = { STRONGROOM_PKCS11_CONF: join(scratch, 'absent') };
    expect(() => findPlace('/x', absent)).toThrow(/ENOENT/);
  });
});
