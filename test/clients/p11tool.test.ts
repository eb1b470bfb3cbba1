/**
 * GnuTLS's p11tool on libstrongroom-pkcs11.so: lists, generates and tests signatures, by PKCS#11 URI (RFC 7512).
 */
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
  'p11tool',
  [
    ['/usr/bin/p11tool', 'gnutls-bin'],
    ['/usr/bin/pkcs11-tool', 'opensc'],
  ],
  () => {
    const client = new Client(scratchDirectory());
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

    it('lists what is there with its flags', async () => {
      const all = await p11tool('--login', '--list-all', token);
      expect(all.match(/^Object \d+:/gm)).toHaveLength(6);
      expect(all).toMatch(/Type: Private key \(EC\/ECDSA-SECP384R1\)/);
      expect(all).toMatch(/Flags: CKA_PRIVATE; CKA_NEVER_EXTRACTABLE; CKA_SENSITIVE;/);
    });
  },
);
