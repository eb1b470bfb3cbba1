/**
 * OpenSC's pkcs11-tool on libstrongroom-pkcs11.so, and OpenSSL as the judge of what it makes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  describeClient,
  modulePath,
  soPin,
  tokenLabel,
  userPin,
} from '../support/pkcs11-module.ts';
import { scratchDirectory } from '../support/scratch.ts';

const tools = [
  ['/usr/bin/pkcs11-tool', 'opensc'],
  ['/usr/bin/openssl', 'openssl'],
] as const;

describeClient('pkcs11-tool', tools, () => {
  const directory = scratchDirectory();
  const client = new Client(directory);
  const at = (name: string) => join(directory, name);
  const bare = ['--module', modulePath];
  const user = [...bare, '--login', '--pin', userPin];
  const tool = (...parameters: string[]) => client.run('pkcs11-tool', ...user, ...parameters);
  /** OpenSSL outside the token: a peer. */
  const openssl = (...parameters: string[]) =>
    execFileSync('/usr/bin/openssl', parameters, { cwd: directory, encoding: 'utf8' });

  beforeAll(async () => {
    writeFileSync(at('data'), 'what is signed, encrypted and stored\n');
    await client.makeToken();
  });

  it('shows the library, its slot and its token', async () => {
    expect(await client.run('pkcs11-tool', ...bare, '--show-info')).toMatch(
      /Cryptoki version 3\.2\nManufacturer +Strongroom/,
    );
    const slots = await client.run('pkcs11-tool', ...bare, '--list-token-slots');
    expect(slots).toMatch(/^Slot 0 \(0x0\): Strongroom slot$/m);
    expect(slots).toContain(`token label        : ${tokenLabel}\n`);
    expect(slots).toMatch(/login required, rng, token initialized, PIN initialized/);
  });

  describe('key pairs', () => {
    beforeAll(async () => {
      const ec = ['--key-type', 'EC:prime256v1', '--id', '01', '--label', 'ec', '--usage-sign'];
      await tool('--keypairgen', ...ec);
      const rsa = ['--key-type', 'rsa:2048', '--id', '02', '--label', 'rsa'];
      await tool('--keypairgen', ...rsa, '--usage-sign', '--usage-decrypt');
      for (const [id, file] of [
        ['01', 'ec.pub'],
        ['02', 'rsa.pub'],
      ] as const) {
        await tool('--read-object', '--type', 'pubkey', '--id', id, '--output-file', at(file));
      }
    });

    it('are listed as what they are', async () => {
      const all = await tool('--list-objects');
      expect(all).toMatch(/Private Key Object; EC/);
      expect(all).toMatch(/Public Key Object; RSA 2048 bits/);
      expect(all.match(/sensitive, always sensitive, never extractable, local/g)).toHaveLength(2);
      // Before login the private ones are not there.
      expect(await client.run('pkcs11-tool', ...bare, '--list-objects')).not.toMatch(/Private Key/);
    });

    const verify = (key: string, ...options: string[]) =>
      openssl('dgst', '-sha256', ...options, '-verify', key, '-keyform', 'DER', 'data');
    it.each([
      ['ECDSA-SHA256', '01', 'ec.pub', ['--signature-format', 'openssl'], []],
      ['SHA256-RSA-PKCS', '02', 'rsa.pub', [], []],
      ['SHA256-RSA-PKCS-PSS', '02', 'rsa.pub', [], ['-sigopt', 'rsa_padding_mode:pss']],
    ])('%s signs, and both verify', async (mechanism, id, key, format, options) => {
      const signature = at(`${mechanism}.sig`);
      const what = ['--mechanism', mechanism, '--id', id, '--input-file', at('data'), ...format];
      await tool('--sign', ...what, '--output-file', signature);
      expect(verify(key, '-signature', signature, ...options)).toBe('Verified OK\n');
      const checked = ['--verify', ...what, '--signature-file', signature];
      expect(await tool(...checked)).toContain('Signature is valid');
      const bytes = readFileSync(signature);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(signature, bytes);
      expect((await client.fail('pkcs11-tool', ...user, ...checked)).text).toMatch(
        /CKR_SIGNATURE_INVALID|Invalid signature/,
      );
    });

    it('RSA-PKCS-OAEP decrypts what OpenSSL encrypted', async () => {
      const padding = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'];
      openssl(
        ...['pkeyutl', '-encrypt', '-pubin', '-inkey', 'rsa.pub', '-keyform', 'DER'],
        ...['-in', 'data', '-out', 'oaep', ...padding.flatMap((each) => ['-pkeyopt', each])],
      );
      await tool(
        ...['--decrypt', '--mechanism', 'RSA-PKCS-OAEP', '--hash-algorithm', 'SHA256'],
        ...['--mgf', 'MGF1-SHA256', '--id', '02', '-i', at('oaep'), '-o', at('opened')],
      );
      expect(readFileSync(at('opened'))).toEqual(readFileSync(at('data')));
    });

    it('a private key from OpenSSL is imported and signs', async () => {
      openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'pem');
      openssl('pkey', '-in', 'pem', '-outform', 'DER', '-out', 'key');
      openssl('pkey', '-in', 'pem', '-pubout', '-outform', 'DER', '-out', 'own.pub');
      await tool('--write-object', at('key'), '--type', 'privkey', '--id', '08', '--usage-sign');
      await tool(
        ...['--sign', '--mechanism', 'ECDSA-SHA256', '--id', '08', '-i', at('data')],
        ...['-o', at('own.sig'), '--signature-format', 'openssl'],
      );
      expect(verify('own.pub', '-signature', 'own.sig')).toBe('Verified OK\n');
    });
  });

  it.each([
    ['AES-KEY-WRAP', [], 40],
    ['0x210B', [], 40], // CKM_AES_KEY_WRAP_KWP: this pkcs11-tool has no name for it
    ['AES-CBC-PAD', ['--iv', '000102030405060708090a0b0c0d0e0f'], 48],
  ])('wraps a secret key by %s and unwraps it', async (mechanism, options, length) => {
    const aes = ['--keygen', '--key-type', 'AES:32'];
    const label = `wrapped by ${mechanism}`;
    const ids = ['AES-KEY-WRAP', '0x210B', 'AES-CBC-PAD'].indexOf(mechanism) + 1;
    const [wrapper, wrapped, again] = [`5${ids}`, `6${ids}`, `7${ids}`];
    await tool(...aes, '--id', wrapper, '--label', 'wrapper', '--usage-wrap');
    await tool(...aes, '--id', wrapped, '--label', label, '--extractable');
    const by = ['--mechanism', mechanism, '--id', wrapper, ...options];
    await tool('--wrap', ...by, '--application-id', wrapped, '--output-file', at('wrapped'));
    expect(readFileSync(at('wrapped'))).toHaveLength(length);
    const made = ['--application-id', again, '--application-label', 'again'];
    for (const keyType of ['AES:', 'AES:32']) {
      const unwrap = ['--unwrap', ...by, ...made, '--key-type', keyType, '-i', at('wrapped')];
      expect(await tool(...unwrap)).toMatch(/Secret Key Object; AES length 32/);
    }
    const shorter = ['--unwrap', ...by, ...made, '--key-type', 'AES:16', '-i', at('wrapped')];
    expect((await client.fail('pkcs11-tool', ...user, ...shorter)).text).toMatch(
      /C_UnwrapKey failed: rv = CKR_TEMPLATE_INCONSISTENT/,
    );
  });

  it.each([
    ['AES-CBC-PAD', 'aes-256-cbc', 40],
    ['AES-CBC', 'aes-256-cbc', 64],
    ['AES-ECB', 'aes-256-ecb', 5008],
    ['AES-CBC-PAD', 'aes-256-cbc', 5000],
  ])(
    '%s encrypts and decrypts as OpenSSL does (%s, %i bytes)',
    async (mechanism, cipher, length) => {
      const [key, iv] = ['ab'.repeat(32), '000102030405060708090a0b0c0d0e0f'];
      if (!(await tool('--list-objects')).includes('data key')) {
        writeFileSync(at('data-key'), Buffer.from(key, 'hex'));
        const import_ = ['--write-object', at('data-key'), '--type', 'secrkey', '--id', '80'];
        await tool(...import_, '--key-type', 'AES:32', '--label', 'data key', '--usage-decrypt');
      }
      writeFileSync(at('long'), Buffer.alloc(length, 'long enough for several parts '));
      const vector = mechanism === 'AES-ECB' ? [] : ['--iv', iv];
      const by = ['--mechanism', mechanism, '--id', '80', ...vector];
      await tool('--encrypt', ...by, '-i', at('long'), '-o', at('long.enc'));
      const peer = ['enc', `-${cipher}`, '-K', key, ...(vector.length === 0 ? [] : ['-iv', iv])];
      const padding = mechanism === 'AES-CBC-PAD' ? [] : ['-nopad'];
      openssl(...peer, ...padding, '-in', 'long', '-out', 'long.peer');
      expect(readFileSync(at('long.enc'))).toEqual(readFileSync(at('long.peer')));
      await tool('--decrypt', ...by, '-i', at('long.peer'), '-o', at('long.dec'));
      expect(readFileSync(at('long.dec'))).toEqual(readFileSync(at('long')));
    },
  );

  it('makes a MAC and checks it', async () => {
    const key = ['--key-type', 'GENERIC:32', '--id', '09', '--label', 'mac', '--usage-sign'];
    await tool('--keygen', ...key);
    const mac = ['--mechanism', 'SHA256-HMAC', '--id', '09', '--input-file', at('data')];
    await tool('--sign', ...mac, '--output-file', at('mac'));
    await tool('--sign', ...mac, '--output-file', at('mac.again'));
    expect(readFileSync(at('mac'))).toHaveLength(32);
    expect(readFileSync(at('mac.again'))).toEqual(readFileSync(at('mac')));
  });

  describe('objects from files', () => {
    beforeAll(() => {
      const made = ['-subj', '/CN=from file', '-keyout', 'file.pem', '-out', 'cert.pem'];
      openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...made);
      openssl('x509', '-in', 'cert.pem', '-outform', 'DER', '-out', 'cert.der');
      openssl('pkey', '-in', 'file.pem', '-outform', 'DER', '-out', 'key.der');
      openssl('pkey', '-in', 'file.pem', '-pubout', '-outform', 'DER', '-out', 'pub.der');
      writeFileSync(at('secret'), Buffer.alloc(32, 7));
    });

    it.each([
      [
        'cert',
        'cert.der',
        [],
        /Certificate Object; type = X.509 cert.*subject: +DN: CN=from file/s,
      ],
      ['privkey', 'key.der', ['--usage-sign'], /Private Key Object; RSA/],
      ['pubkey', 'pub.der', [], /Public Key Object; RSA 2048 bits/],
      [
        'secrkey',
        'secret',
        ['--key-type', 'AES:32', '--extractable'],
        /Secret Key Object; AES length 32/,
      ],
      ['data', 'data', [], /Data object/],
    ])('%s is written, renamed and deleted', async (type, file, options, shown) => {
      const named = ['--type', type, '--label', `a ${type}`];
      const written = ['--write-object', at(file), ...named, ...options];
      expect(await tool(...written, ...(type === 'data' ? [] : ['--id', '21']))).toMatch(shown);
      if (type === 'cert' || type === 'pubkey') {
        await tool('--read-object', ...named, '--output-file', at('again'));
        expect(readFileSync(at('again'))).toEqual(readFileSync(at(file)));
      }
      if (type !== 'data') {
        await tool('--type', type, '--id', '21', '--set-id', '22');
        expect(await tool('--list-objects', '--type', type, '--id', '22')).toMatch(/ID: +22/);
      }
      await tool('--delete-object', ...named);
      expect(await tool('--list-objects', '--type', type)).not.toContain(`a ${type}`);
    });
  });

  it('stores a data object, reads it and deletes it', async () => {
    const data = ['--type', 'data', '--label', 'note'];
    await tool('--write-object', at('data'), ...data);
    await tool('--read-object', ...data, '--output-file', at('read'));
    expect(readFileSync(at('read'))).toEqual(readFileSync(at('data')));
    await tool('--delete-object', ...data);
    expect((await client.fail('pkcs11-tool', ...user, '--read-object', ...data)).text).toMatch(
      /not found/,
    );
  });

  it('changes the PIN; a wrong one counts', async () => {
    await tool('--change-pin', '--new-pin', '654321');
    const wrong = await client.fail('pkcs11-tool', ...user, '--list-objects');
    expect(wrong.text).toMatch(/C_Login failed: rv = CKR_PIN_INCORRECT/);
    const slots = await client.run('pkcs11-tool', ...bare, '--list-token-slots');
    expect(slots).toMatch(/user PIN count low/);
    const changed = [...bare, '--login', '--pin', '654321', '--change-pin', '--new-pin', userPin];
    await client.run('pkcs11-tool', ...changed);
    expect(await client.run('pkcs11-tool', ...bare, '--list-token-slots')).not.toMatch(/count low/);
  });

  it('refuses to initialise a token with objects under a wrong SO PIN', async () => {
    const wrong = [...bare, '--init-token', '--label', 'other', '--so-pin', `${soPin}0`];
    const { text } = await client.fail('pkcs11-tool', ...wrong);
    expect(text).toMatch(/CKR_PIN_INCORRECT/);
  });

  it('hashes', async () => {
    await tool('--hash', '--mechanism', 'SHA256', '-i', at('data'), '-o', at('digest'));
    const digest = createHash('sha256')
      .update(readFileSync(at('data')))
      .digest();
    expect(readFileSync(at('digest'))).toEqual(digest);
  });

  it('--test-ec ends well', async () => {
    const ec = ['--session-rw', '--test-ec', '--key-type', 'EC:prime256v1', '--id', '77'];
    expect(await tool(...ec, '--allow-sw')).toMatch(/==> OK/);
  });

  // Without --allow-sw it looks for mechanisms with CKF_HW and leaves out the rest.
  it.each([[[]], [['--allow-sw']]])('--test %j ends without an error', async (options) => {
    const report = await tool('--test', ...options);
    expect(report).toMatch(/^No errors$/m);
    if (options.length > 0) {
      expect(report).toMatch(/all 4 digest functions seem to work/);
      expect(report).toMatch(/all 4 signature functions seem to work/);
      expect(report).toMatch(/Decryption.*OAEP.*\nOK\n/s);
    }
    // Its own words for what it leaves out; docs/pkcs11.md lists them.
    for (const line of report.split('\n').filter((each) => /not implemented|skipping/.test(each)))
      process.stdout.write(`pkcs11-tool --test: ${line.trim()}\n`);
  });
});
