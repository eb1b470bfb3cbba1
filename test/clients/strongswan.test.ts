/**
 * strongSwan's pki on libstrongroom-pkcs11.so: a self-signed certificate from a token key, the PIN asked for on the terminal.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { Client, describeClient, modulePath, userPin } from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'strongSwan pki',
  [
    ['/usr/bin/pki', 'strongswan-pki'],
    ['/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so', 'libstrongswan-extra-plugins'],
    ['/usr/bin/expect', 'expect'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const at = (name: string) => join(directory, name);

    beforeAll(async () => {
      const plugins = 'pkcs11 x509 pem pkcs1 pkcs8 pubkey sha1 sha2 random nonce gmp';
      writeFileSync(
        at('strongswan.conf'),
        `pki {\n  load = ${plugins}\n}\nlibstrongswan {\n  plugins {\n    pkcs11 {\n      modules {\n` +
          `        strongroom {\n          path = ${modulePath}\n        }\n      }\n    }\n  }\n}\n`,
      );
      client.environment.STRONGSWAN_CONF = at('strongswan.conf');
      await client.makeToken();
      const key = ['--keypairgen', '--key-type', 'rsa:2048', '--id', '0102', '--usage-sign'];
      const user = ['--module', modulePath, '--login', '--pin', userPin];
      await client.run('pkcs11-tool', ...user, ...key);
    });

    it('--self certifies its own key', async () => {
      // Its certificate goes to standard output, among the dialogue.
      const command = `pki --self --keyid 0102 --type rsa --dn "CN=token" --outform pem > ${at('cert.pem')}`;
      writeFileSync(at('self.sh'), `${command}\n`);
      const dialogue = [
        'set timeout 30',
        `spawn sh ${at('self.sh')}`,
        'expect "PIN" { send "$env(PIN)\\r" }',
        'expect eof',
        'set result [wait]',
        'puts "ended [lindex $result 3]"',
      ];
      client.environment.PIN = userPin;
      expect(await client.run('expect', '-c', dialogue.join('\n'))).toMatch(/^ended 0$/m);
      const certificate = new X509Certificate(readFileSync(at('cert.pem')));
      expect(certificate.subject).toBe('CN=token');
      expect(certificate.verify(certificate.publicKey)).toBe(true);
    });
  },
);
