/**
 * pkcs11js inside Node, whose own OpenSSL is another one: synchronous and asynchronous calls, in many short lives.
 */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { root } from '../support/files.ts';
import { Client, describeClient, modulePath, userPin } from '../support/pkcs11-module.ts';
import { buildPkcs11js } from '../support/pkcs11js.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient('pkcs11js', [['/usr/bin/pkcs11-tool', 'opensc']], () => {
  const client = new Client(scratchDirectory());
  const program = join(root, 'test/support/pkcs11js-program.mjs');
  const live = (mode: string) => client.fail(process.execPath, program, modulePath, userPin, mode);

  beforeAll(async () => {
    expect(await buildPkcs11js()).toBe(true);
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
