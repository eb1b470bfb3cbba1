/**
 * libstrongroom-pkcs11.so as a file, and as something that programs load, use for a moment and leave: the C++ tests over
 * dlopen, and a thousand short lives.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { functions } from '../../native/cryptoki/table.mjs';
import { buildDirectory, Client, describeClient, modulePath } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';

const readelf = '/usr/bin/readelf';

describeClient('the file', [[readelf, 'binutils']], () => {
  const read = (...options: string[]) =>
    execFileSync(readelf, ['--wide', ...options, modulePath], { encoding: 'utf8' });

  it('shows the functions of PKCS#11 and nothing else', () => {
    const shown = read('--dyn-syms')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , type, , , section]) => type !== undefined && section !== 'UND')
      .flatMap(([number, , , , , , , name]) => (/^\d+:$/.test(number ?? '') ? [name ?? ''] : []))
      .filter((name) => name !== '');
    const standard = Object.values(functions).flat();
    expect(shown.sort()).toEqual(standard.map(([name]) => String(name)).sort());
  });

  it('needs the C library and nothing else, and none of a program’s OpenSSL', () => {
    const dynamic = read('--dynamic');
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
    expect(needed.filter((name) => !/^(libc|libm|ld-linux.*)\.so\.\d+$/.test(name ?? ''))).toEqual(
      [],
    );
    expect(read('--dyn-syms')).not.toMatch(/UND (EVP|OPENSSL|CRYPTO|RAND|BIO|ERR)_/);
  });

  it('is bound to itself, stays loaded, and is hardened', () => {
    const dynamic = read('--dynamic');
    expect(dynamic).toMatch(/SYMBOLIC/);
    expect(dynamic).toMatch(/FLAGS_1\).*NOW.*NODELETE|FLAGS_1\).*NODELETE.*NOW/);
    const segments = read('--segments');
    expect(segments).toMatch(/GNU_RELRO/);
    expect(segments).toMatch(/GNU_STACK.* RW /);
    expect(dynamic).not.toMatch(/TEXTREL|RUNPATH|RPATH/);
  });

  const tests = join(buildDirectory, 'strongroom-module-tests');
  describeUnless(existsSync(tests) ? undefined : 'libgtest-dev', 'from C++', () => {
    it('passes its tests over dlopen', { timeout: 120_000 }, async () => {
      const client = new Client(scratchDirectory());
      expect(await client.run(tests)).toMatch(/\[ {2}PASSED {2}\] \d+ tests/);
    });
  });
});

describeClient('short lives', [], () => {
  const program = join(buildDirectory, 'strongroom-short-run');
  const client = new Client(scratchDirectory());

  beforeAll(async () => {
    await client.run(program, 'make');
  });

  // Several at once, on one token.
  const live = async (mode: string, count: number) => {
    const failed: string[] = [];
    let next = 0;
    const lane = async () => {
      for (let i = next++; i < count; i = next++) {
        const { code, text } = await client.fail(program, mode);
        if (code !== 0) failed.push(`${mode} ${i}: ended ${code} ${text}`);
      }
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    return failed;
  };

  describe('of 1,000 programs', () => {
    it.each([
      ['login', 50],
      ['tidy', 450],
      ['abrupt', 200],
      ['threads', 200],
      ['forks', 100],
    ])('%s: %i end well', { timeout: 300_000 }, async (mode, count) => {
      expect(await live(mode, count)).toEqual([]);
    });
  });
});
