/**
 * The commands of docs/pkcs11.md, run as they stand there, with the library's path in place of MODULE.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { readText } from '../support/files.ts';
import { Client, describeClient, modulePath } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'docs/pkcs11.md',
  [
    ['/usr/bin/pkcs11-tool', 'opensc'],
    ['/usr/bin/p11tool', 'gnutls-bin'],
    ['/usr/bin/openssl', 'openssl'],
    ['/usr/bin/keytool', 'openjdk-17-jdk-headless'],
    ['/usr/bin/certutil', 'libnss3-tools'],
    ['/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so', 'libengine-pkcs11-openssl'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const page = readText('docs/pkcs11.md').replace(/\bMODULE\b(?!_)/g, modulePath);

    /** The blocks of one language under a heading, as one text. */
    const blocks = (heading: string, language: string): string => {
      const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
      const found = section.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'));
      return [...found].map(([, body]) => body).join('');
    };
    const bash = (text: string) => client.run('bash', '-e', '-c', text);

    beforeAll(() => {
      client.environment.STRONGROOM_TOKEN_DIR = join(directory, 'my-token');
      const settings = blocks('OpenSSL 3.0 (the engine of libp11)', 'ini');
      writeFileSync(join(directory, 'token.cnf'), settings);
    });

    it('first steps', async () => {
      const printed = await bash(blocks('First steps with pkcs11-tool (OpenSC)', 'sh'));
      expect(printed).toMatch(/^Verified OK$/m);
      expect(printed).toMatch(/Secret Key Object; AES length 32/);
      expect(await client.run('cmp', 'cert.der', 'read.der')).toBe('');
    });

    it('p11tool', async () => {
      const printed = await bash(blocks('p11tool (GnuTLS)', 'sh'));
      expect(printed).toMatch(/Verifying against public key in the token\.\.\. ok/);
    });

    it('NSS', async () => {
      const printed = await bash(blocks('NSS (Firefox, Thunderbird)', 'sh'));
      expect(printed).toMatch(/my-token:browser +u,u,u/);
    });

    it('Java', async () => {
      writeFileSync(join(directory, 'pkcs11.cfg'), blocks('Java (SunPKCS11)', 'ini'));
      expect(await bash(blocks('Java (SunPKCS11)', 'sh'))).toMatch(/secret, SecretKeyEntry/);
    });

    it('OpenSSL', async () => {
      await bash(blocks('OpenSSL 3.0 (the engine of libp11)', 'sh'));
      expect(await client.run('openssl', 'x509', '-in', 'cert.pem', '-noout', '-subject')).toBe(
        'subject=CN = me\n',
      );
    });
  },
);
