/**
 * pkcs11js inside Node, whose own OpenSSL is another one: synchronous and asynchronous calls, in many short lives.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { withLock } from '../../scripts/lock.mjs';
import { runNodeGyp } from '../../scripts/node-gyp.mjs';
import { requireHeaders, targetNode } from '../../scripts/node-headers.mjs';
import { root } from '../support/files.ts';
import { Client, describeClient, modulePath, userPin } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient('pkcs11js', [['/usr/bin/pkcs11-tool', 'opensc']], () => {
  const client = new Client(scratchDirectory());
  const program = join(root, 'test/support/pkcs11js-program.mjs');
  const live = (mode: string) => client.fail(process.execPath, program, modulePath, userPin, mode);

  beforeAll(async () => {
    // Install scripts of packages are not run; this one is only wanted here.
    const directory = dirname(createRequire(import.meta.url).resolve('pkcs11js'));
    const node = targetNode();
    const built = await withLock(`${directory}.lock`, () =>
      runNodeGyp(directory, node, requireHeaders(node)),
    );
    expect(built).toBe(true);
    await client.makeToken();
  });

  it.each([
    ['whole', 60],
    ['abrupt', 40],
  ])('%s: %i short lives end well', { timeout: 120_000 }, async (mode, count) => {
    const failed: string[] = [];
    for (let i = 0; i < count; ++i) {
      const { code, text } = await live(mode);
      if (code !== 0) failed.push(`${i}: ended ${code} ${text}`);
    }
    expect(failed).toEqual([]);
  });
});
