/**
 * GnuTLS's p11tool on libstrongroom-pkcs11.so: lists, generates, tests signatures and writes certificates, by PKCS#11 URI
 * (RFC 7512).
 */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import {
  Client,
  describeClient,
  modulePath,
  soPin,
  tokenLabel,
  userPin,
} from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

describeClient(
  'p11tool',
  [
    ['/usr/bin/p11tool', 'gnutls-bin'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
    ['/usr/bin/openssl', 'openssl'],
  ],
  () => {
    const directory = scratchDirectory();
    const client = new Client(directory);
    const at = (name: string) => join(directory, name);
    client.environment.GNUTLS_PIN = userPin;
    const token = `pkcs11:token=${encodeURIComponent(tokenLabel)}`;
    const p11tool = (...parameters: string[]) =>
      client.run('p11tool', '--provider', modulePath, ...parameters);

    beforeAll(() => client.makeToken());

    it('lists the token', async () => {
      expect(await p11tool('--list-tokens')).toMatch(
        /URL: pkcs11:model=Simulated%20HSM;manufacturer=Strongroom;serial=[0-9a-f]{16};token=strongroom%20test/,
      );
    });

    it.each([
      ['ecdsa', ['--curve=secp256r1'], '0a', 'ECDSA-SHA256'],
      ['ecdsa', ['--curve=secp384r1'], '0b', 'ECDSA-SHA256'],
      ['rsa', ['--bits=2048'], '0c', 'RSA-SHA256'],
    ])('generates %s %s and tests its signature', async (type, size, id, signature) => {
      const made = [`--generate-privkey=${type}`, ...size, `--label=${type} ${id}`, `--id=${id}`];
      expect(await p11tool('--login', ...made, token)).toMatch(/BEGIN PUBLIC KEY/);
      const tested = await p11tool('--login', '--test-sign', `${token};id=%${id};type=private`);
      expect(tested).toMatch(new RegExp(`Signing using ${signature}\\.\\.\\. ok`));
      expect(tested).toMatch(/Verifying against public key in the token\.\.\. ok/);
    });

    it('writes certificates, and trusted ones as SO', async () => {
      const subject = ['-subj', '/CN=written', '-keyout', at('key.pem'), '-out', at('cert.pem')];
      await client.run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject);
      const write = ['--write', `--load-certificate=${at('cert.pem')}`];
      await p11tool('--login', ...write, '--label=plain', '--id=21', token);
      const certificates = await p11tool('--list-all-certs', token);
      expect(certificates).toMatch(/Type: X.509 Certificate \(RSA-2048\).*Label: plain/s);
      const { text } = await client.fail(
        ...(['p11tool', '--provider', modulePath, '--login'] as const),
        ...[...write, '--mark-trusted', '--label=mine', token],
      );
      expect(text).toMatch(/Error/);
      client.environment.GNUTLS_SO_PIN = soPin;
      await p11tool('--so-login', ...write, '--mark-trusted', '--label=anchor', token);
      const trusted = await p11tool('--list-all-trusted', token);
      expect(trusted).toMatch(/Label: anchor\n\tFlags: CKA_TRUSTED;/);
      expect(trusted).not.toMatch(/Label: (plain|mine)/);
      await p11tool('--login', '--batch', '--delete', `${token};object=plain;type=cert`);
      expect(await p11tool('--list-all-certs', token)).not.toContain('Label: plain');
    });

    it('lists what is there with its flags', async () => {
      const all = await p11tool('--login', '--list-all', token);
      expect(all.match(/^Object \d+:/gm)).toHaveLength(7);
      expect(all).toMatch(/Type: Private key \(EC\/ECDSA-SECP384R1\)/);
      expect(all).toMatch(/Flags: CKA_PRIVATE; CKA_NEVER_EXTRACTABLE; CKA_SENSITIVE;/);
    });
  },
);
