/**
 * libp11's engine for OpenSSL on libstrongroom-pkcs11.so: signatures and self-signed certificates by OpenSSL's command
 * line, and TLS by curl with key and certificate in the token.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
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
    ['/usr/bin/curl', 'curl'],
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

    it('curl shows a certificate of the token and signs with its key', async () => {
      const request = ['-new', '-x509', '-subj', '/CN=somebody', '-days', '30', '-out', at('own')];
      await client.run('openssl', 'req', ...engine, '-key', key('02'), ...request);
      peer('x509', '-in', 'own', '-outform', 'DER', '-out', 'own.der');
      const written = ['--write-object', at('own.der'), '--type', 'cert', '--id', '02'];
      await client.run('pkcs11-tool', ...user, ...written);
      const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const files = ['-keyout', 'server.key', '-out', 'server.crt'];
      peer('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...name, ...files);
      const server = createServer(
        {
          key: readFileSync(at('server.key')),
          cert: readFileSync(at('server.crt')),
          ca: readFileSync(at('own')),
          requestCert: true,
          rejectUnauthorized: true,
        },
        (request, response) => {
          const { subject } = (request.socket as TLSSocket).getPeerCertificate();
          response.end(`hello ${subject.CN}`);
        },
      );
      server.listen(0);
      await once(server, 'listening');
      try {
        const { port } = server.address() as AddressInfo;
        const certificate = key('02').replace('type=private', 'type=cert');
        const identity = ['--key-type', 'ENG', '--key', `${key('02')};pin-value=${userPin}`];
        const shown = ['--cert-type', 'ENG', '--cert', certificate];
        const options = ['-sS', '--engine', 'pkcs11', '--cacert', at('server.crt')];
        const url = `https://localhost:${port}/`;
        expect(await client.run('curl', ...options, ...identity, ...shown, url)).toBe(
          'hello somebody',
        );
      } finally {
        server.close();
      }
    });
  },
);
