/**
 * Java's SunPKCS11 on libstrongroom-pkcs11.so: programs with keys and with a key store, and keytool.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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

    const store = [
      ...['-providerClass', 'sun.security.pkcs11.SunPKCS11', '-providerArg', configuration],
      ...['-keystore', 'NONE', '-storetype', 'PKCS11', '-storepass', userPin],
    ];
    const keytool = (...parameters: string[]) => client.run('keytool', ...parameters);
    const algorithms = [
      ['EC', ['-keyalg', 'EC', '-groupname', 'secp256r1']],
      ['RSA', ['-keyalg', 'RSA', '-keysize', '2048']],
    ] as const;

    it.each(algorithms)('a program keeps %s keys with certificates', async (_name, kind) => {
      const file = join(directory, 'made.p12');
      rmSync(file, { force: true });
      await keytool(
        ...['-genkeypair', '-storetype', 'PKCS12', '-keystore', file, '-storepass', userPin],
        ...['-alias', 'made', '-dname', 'CN=made outside', ...kind],
      );
      const program = join(root, 'test/support/Pkcs11KeyStore.java');
      const printed = await client.run('java', program, configuration, userPin, file);
      expect(printed.trim().split('\n')).toEqual([
        'key entry ok',
        'certificate ok',
        'private key stays inside ok',
        'signature ok',
        'deleted ok',
      ]);
    });

    it.each(algorithms)('keytool makes, lists, exports and deletes %s keys', async (name, kind) => {
      await keytool(...store, '-genkeypair', '-alias', name, '-dname', `CN=${name}`, ...kind);
      expect(await keytool(...store, '-list')).toContain(`${name}, PrivateKeyEntry`);
      const file = join(directory, `${name}.crt`);
      await keytool(...store, '-exportcert', '-rfc', '-alias', name, '-file', file);
      expect(new X509Certificate(readFileSync(file)).subject).toBe(`CN=${name}`);
      await keytool(...store, '-delete', '-alias', name);
      expect(await keytool(...store, '-list')).not.toContain(`${name}, PrivateKeyEntry`);
    });

    it('keytool makes and lists a secret key', async () => {
      const key = ['-alias', 'secret', '-keyalg', 'AES', '-keysize', '256'];
      await client.run('keytool', ...store, '-genseckey', ...key);
      expect(await client.run('keytool', ...store, '-list')).toMatch(/secret, SecretKeyEntry/);
    });
  },
);
