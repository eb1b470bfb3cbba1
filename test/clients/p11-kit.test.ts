/**
 * p11-kit with libstrongroom-pkcs11.so: as a configured module, and as a remote one behind its server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

const remote = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so';

describeClient(
  'p11-kit',
  [
    ['/usr/bin/p11-kit', 'p11-kit'],
    ['/usr/bin/unshare', 'util-linux'],
    [remote, 'p11-kit-modules'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
    ['/usr/bin/openssl', 'openssl'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const user = ['--login', '--pin', userPin];
    client.environment.XDG_RUNTIME_DIR = directory;

    beforeAll(async () => {
      chmodSync(directory, 0o700);
      writeFileSync(join(directory, 'data'), 'what is signed\n');
      const modules = join(directory, '.config/pkcs11/modules');
      mkdirSync(modules, { recursive: true });
      writeFileSync(join(modules, 'strongroom.module'), `module: ${modulePath}\n`);
      await client.makeToken();
      const pair = ['--keypairgen', '--key-type', 'rsa:2048', '--id', '02', '--usage-sign'];
      await client.run('pkcs11-tool', '--module', modulePath, ...user, ...pair);
    });

    it('lists the configured module and its token', async () => {
      // It leaves out users' modules for root: so for a moment nobody is.
      const asUser = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000'] : ['env'];
      const [program = '', ...options] = asUser;
      expect(await client.run(program, ...options, 'p11-kit', 'list-modules')).toMatch(
        new RegExp(
          `strongroom: ${modulePath}\\n[^]*?library-manufacturer: Strongroom[^]*?token: ${tokenLabel}`,
        ),
      );
    });

    it('serves the token to another process, certificates too', async () => {
      const parameters = ['server', '--foreground', '--provider', modulePath];
      const token = `pkcs11:token=${encodeURIComponent(tokenLabel)}`;
      const server = spawn('/usr/bin/p11-kit', [...parameters, token], {
        env: client.environment,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const [printed] = await once(server.stdout, 'data');
        const address = String(printed).match(/P11_KIT_SERVER_ADDRESS=([^;\n]+)/)?.[1] ?? '';
        const guest = new Client(directory);
        guest.environment.P11_KIT_SERVER_ADDRESS = address;
        const input = ['--mechanism', 'SHA256-RSA-PKCS', '--id', '02', '-i', 'data'];
        const signed = ['--module', remote, ...user, '--sign', ...input, '-o', 'sig'];
        await guest.run('pkcs11-tool', ...signed);
        const verified = [...user, '--verify', ...input, '--signature-file', 'sig'];
        expect(await guest.run('pkcs11-tool', '--module', remote, ...verified)).toContain(
          'Signature is valid',
        );
        const subject = ['-subj', '/CN=remote', '-keyout', 'key.pem', '-out', 'cert.pem'];
        await guest.run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject);
        await guest.run('openssl', 'x509', '-in', 'cert.pem', '-outform', 'DER', '-out', 'cert');
        const certificate = ['--type', 'cert', '--id', '03'];
        const far = (...parameters: string[]) =>
          guest.run('pkcs11-tool', '--module', remote, ...user, ...certificate, ...parameters);
        expect(await far('--write-object', 'cert')).toMatch(/subject: +DN: CN=remote/);
        await far('--read-object', '--output-file', 'read');
        expect(readFileSync(join(directory, 'read'))).toEqual(
          readFileSync(join(directory, 'cert')),
        );
      } finally {
        server.kill();
        await once(server, 'exit');
      }
    });
  },
);
