/**
 * NSS (Firefox, Thunderbird, Chrome on Linux) with libstrongroom-pkcs11.so added to its modules: keys and certificates by
 * certutil.
 */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
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
  'NSS',
  [
    ['/usr/bin/certutil', 'libnss3-tools'],
    ['/usr/bin/modutil', 'libnss3-tools'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const at = (name: string) => join(directory, name);
    const database = ['-d', `sql:${at('nssdb')}`];
    const certutil = (...parameters: string[]) =>
      client.run('certutil', ...parameters, ...database, '-f', at('pins'));
    const onToken = ['-h', tokenLabel];

    beforeAll(async () => {
      mkdirSync(at('nssdb'));
      writeFileSync(at('noise'), 'anything: the token has a generator of its own');
      writeFileSync(at('pins'), `${tokenLabel}:${userPin}\nNSS Certificate DB:\n`);
      await client.makeToken();
      await certutil('-N', '--empty-password');
      const added = ['-add', 'Strongroom', '-libfile', modulePath, '-force'];
      await client.run('modutil', '-dbdir', `sql:${at('nssdb')}`, ...added);
    });

    it('lists the module and its token', async () => {
      const listed = await client.run('modutil', '-dbdir', `sql:${at('nssdb')}`, '-list');
      expect(listed).toContain(`token: ${tokenLabel}`);
    });

    it.each([
      ['ec', ['-k', 'ec', '-q', 'nistp256']],
      ['rsa', ['-k', 'rsa', '-g', '2048']],
    ])('certutil makes, shows and deletes an %s key with its certificate', async (name, kind) => {
      const subject = ['-n', name, '-s', `CN=${name}`, '-t', 'u,u,u', '-v', '12'];
      await certutil('-S', '-x', ...onToken, ...subject, ...kind, '-z', at('noise'), '-m', '7');
      const full = `${tokenLabel}:${name}`;
      expect(await certutil('-L', ...onToken)).toMatch(new RegExp(`^${full} +u,u,u *$`, 'm'));
      expect(await certutil('-K', ...onToken)).toMatch(new RegExp(`< \\d+> ${name} .* ${full}`));
      const certificate = await certutil('-L', '-a', ...onToken, '-n', full);
      expect(new X509Certificate(certificate).subject).toBe(`CN=${name}`);
      await certutil('-D', ...onToken, '-n', full);
      expect(await certutil('-L', ...onToken)).not.toContain(full);
    });
  },
);
