/**
 * Java's SunPKCS11 on libstrongroom-pkcs11.so: a program, and keytool with secret keys.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { root } from '../support/files.ts';
import { Client, describeClient, modulePath, userPin } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'Java',
  [
    ['/usr/bin/keytool', 'openjdk-17-jdk-headless'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const configuration = join(directory, 'pkcs11.cfg');

    beforeAll(async () => {
      const lines = ['name = Strongroom', `library = ${modulePath}`, 'slotListIndex = 0', ''];
      writeFileSync(configuration, lines.join('\n'));
      await client.makeToken();
    });

    it('a program works with keys in the token', async () => {
      const program = join(root, 'test/support/Pkcs11Program.java');
      const printed = await client.run('java', program, configuration, userPin);
      expect(printed.trim().split('\n')).toEqual([
        'SecureRandom ok',
        'AES/GCM ok',
        'ECDSA ok',
        'RSASSA-PSS ok',
        'HmacSHA256 ok',
        'SHA-256 ok',
      ]);
    });

    it('keytool makes and lists a secret key', async () => {
      const store = [
        ...['-providerClass', 'sun.security.pkcs11.SunPKCS11', '-providerArg', configuration],
        ...['-keystore', 'NONE', '-storetype', 'PKCS11', '-storepass', userPin],
      ];
      const key = ['-alias', 'secret', '-keyalg', 'AES', '-keysize', '256'];
      await client.run('keytool', ...store, '-genseckey', ...key);
      expect(await client.run('keytool', ...store, '-list')).toMatch(/secret, SecretKeyEntry/);
    });
  },
);
