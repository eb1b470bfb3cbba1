/**
 * OpenSSH's ssh-keygen on libstrongroom-pkcs11.so: lists the token's keys for authorized_keys, and certifies with one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { Client, describeClient, modulePath, userPin } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'ssh-keygen',
  [
    ['/usr/bin/ssh-keygen', 'openssh-client'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
    ['/usr/bin/expect', 'expect'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const at = (name: string) => join(directory, name);

    beforeAll(async () => {
      await client.makeToken();
      const user = ['--module', modulePath, '--login', '--pin', userPin, '--usage-sign'];
      for (const [type, id] of [
        ['EC:prime256v1', '01'],
        ['rsa:2048', '02'],
      ] as const) {
        const key = ['--keypairgen', '--key-type', type, '--id', id, '--label', `key ${id}`];
        await client.run('pkcs11-tool', ...user, ...key);
      }
    });

    it('-D lists the public keys without a PIN', async () => {
      const listed = await client.run('ssh-keygen', '-D', modulePath);
      expect(listed).toMatch(/^ecdsa-sha2-nistp256 \S+ key 01$/m);
      expect(listed).toMatch(/^ssh-rsa \S+ key 02$/m);
    });

    it.each([
      ['key 01', 'ecdsa-sha2-nistp256'],
      ['key 02', 'rsa-sha2-512'],
    ])('-s certifies with %s', async (label, algorithm) => {
      const listed = (await client.run('ssh-keygen', '-D', modulePath)).split('\n');
      writeFileSync(at('ca.pub'), `${listed.find((line) => line.endsWith(label))}\n`);
      await client.run('rm', '-f', at('user'), at('user.pub'));
      await client.run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at('user'));
      // The PIN is asked for on the terminal.
      const certify = [
        'set timeout 30',
        `spawn ssh-keygen -s ${at('ca.pub')} -D ${modulePath} -I somebody -n name ${at('user.pub')}`,
        'expect "PIN" { send "$env(PIN)\\r" }',
        'expect eof',
        'exit [lindex [wait] 3]',
      ];
      client.environment.PIN = userPin;
      await client.run('expect', '-c', certify.join('\n'));
      const certificate = await client.run('ssh-keygen', '-L', '-f', at('user-cert.pub'));
      expect(certificate).toMatch(new RegExp(`Signing CA: .* \\(using ${algorithm}\\)`));
      expect(certificate).toMatch(/Key ID: "somebody"/);
    });
  },
);
