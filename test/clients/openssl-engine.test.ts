/**
 * OpenSSL's command line with libp11's engine on libstrongroom-pkcs11.so: signatures and a self-signed certificate.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import {
  Client,
  describeClient,
  modulePath,
  tokenLabel,
  userPin,
} from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'OpenSSL engine',
  [
    ['/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so', 'libengine-pkcs11-openssl'],
    ['/usr/bin/openssl', 'openssl'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const at = (name: string) => join(directory, name);
    const key = (id: string) =>
      `pkcs11:token=${encodeURIComponent(tokenLabel)};id=%${id};type=private`;
    const engine = ['-engine', 'pkcs11', '-keyform', 'engine'];
    const user = ['--module', modulePath, '--login', '--pin', userPin];

    beforeAll(async () => {
      writeFileSync(at('data'), 'what is signed\n');
      writeFileSync(
        at('openssl.cnf'),
        [
          'openssl_conf = init',
          '[init]\nengines = engines',
          '[engines]\npkcs11 = pkcs11',
          `[pkcs11]\nengine_id = pkcs11\nMODULE_PATH = ${modulePath}\nPIN = ${userPin}\ninit = 0`,
          '[req]\ndistinguished_name = name\n[name]\n',
        ].join('\n'),
      );
      await client.makeToken();
      for (const [type, id] of [
        ['EC:prime256v1', '01'],
        ['rsa:2048', '02'],
      ] as const) {
        const pair = ['--keypairgen', '--key-type', type, '--id', id, '--label', id];
        await client.run('pkcs11-tool', ...user, ...pair, '--usage-sign');
        const read = ['--read-object', '--type', 'pubkey', '--id', id, '-o', at(`${id}.pub`)];
        await client.run('pkcs11-tool', ...user, ...read);
      }
      client.environment.OPENSSL_CONF = at('openssl.cnf');
    });

    /** Without the engine: a peer. */
    const peer = (...parameters: string[]) =>
      execFileSync('/usr/bin/openssl', parameters, { cwd: directory, encoding: 'utf8' });

    it.each(['01', '02'])('dgst signs with key %s', async (id) => {
      const signed = ['-sha256', '-sign', key(id), '-out', at('sig'), at('data')];
      await client.run('openssl', 'dgst', ...engine, ...signed);
      const check = ['-verify', `${id}.pub`, '-keyform', 'DER', '-signature', 'sig', 'data'];
      expect(peer('dgst', '-sha256', ...check)).toBe('Verified OK\n');
    });

    it.each(['01', '02'])('req makes a self-signed certificate with key %s', async (id) => {
      const request = ['-new', '-x509', '-subj', '/CN=Strongroom', '-days', '30', '-sha256'];
      await client.run(
        ...['openssl', 'req', ...engine, '-key', key(id), ...request, '-out', at('cert')],
      );
      expect(peer('verify', '-CAfile', 'cert', 'cert')).toBe('cert: OK\n');
    });
  },
);
