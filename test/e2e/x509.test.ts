/**
 * A certificate authority whose key is a KMS key: @peculiar/x509 writes the certificates and has them signed through a
 * WebCrypto provider that calls Sign; OpenSSL and node:crypto judge them. The server's key is a data key pair.
 */
import 'reflect-metadata';
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateKeyCommand,
  GenerateDataKeyPairCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type KMSClient,
  SignCommand,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { openssl, opensslPath } from '../support/openssl.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

interface Row {
  readonly keySpec: KeySpec;
  readonly algorithm: SigningAlgorithmSpec;
  readonly webCrypto: {
    readonly name: string;
    readonly hash: string;
    readonly namedCurve?: string;
  };
  /** WebCrypto has r and s side by side, KMS has DER. */
  readonly curve?: typeof p256;
  /** As openssl names it. */
  readonly name: string;
}

const rows: readonly Row[] = [
  {
    keySpec: 'ECC_NIST_P256',
    algorithm: 'ECDSA_SHA_256',
    webCrypto: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
    curve: p256,
    name: 'ecdsa-with-SHA256',
  },
  {
    keySpec: 'ECC_NIST_P384',
    algorithm: 'ECDSA_SHA_384',
    webCrypto: { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' },
    curve: p384,
    name: 'ecdsa-with-SHA384',
  },
  {
    keySpec: 'ECC_NIST_P521',
    algorithm: 'ECDSA_SHA_512',
    webCrypto: { name: 'ECDSA', hash: 'SHA-512', namedCurve: 'P-521' },
    curve: p521,
    name: 'ecdsa-with-SHA512',
  },
  {
    keySpec: 'RSA_2048',
    algorithm: 'RSASSA_PKCS1_V1_5_SHA_256',
    webCrypto: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    name: 'sha256WithRSAEncryption',
  },
];

/** What the private half is to WebCrypto: a name and an algorithm, and no bytes. */
interface KmsCryptoKey {
  readonly type: 'private';
  readonly extractable: false;
  readonly usages: readonly ['sign'];
  readonly algorithm: Row['webCrypto'];
  readonly keyId: string;
}

describeWithTool(opensslPath, 'openssl', 'certificates', () => {
  let server: StartedServer;
  let kms: KMSClient;
  beforeAll(async () => {
    server = await startServer();
    kms = kmsClient(server);
  });
  afterAll(async () => {
    kms.destroy();
    await server.stop();
  });

  /** Node's WebCrypto, but what a KMS key has to sign goes to the KMS. */
  const provider = ({ algorithm, curve }: Row) => {
    const sign = async (_: unknown, { keyId }: KmsCryptoKey, data: ArrayBuffer) => {
      const Message = Buffer.from(data);
      const { Signature } = await kms.send(
        new SignCommand({ KeyId: keyId, Message, SigningAlgorithm: algorithm }),
      );
      const bytes = curve
        ? curve.Signature.fromBytes(Signature!, 'der').toBytes('compact')
        : Signature!;
      return Uint8Array.from(bytes).buffer;
    };
    const { subtle } = webcrypto;
    return {
      getRandomValues: webcrypto.getRandomValues.bind(webcrypto),
      subtle: { digest: subtle.digest.bind(subtle), sign },
    } as unknown as typeof webcrypto;
  };

  it.each(rows)('$name', async (row) => {
    const { keySpec, webCrypto } = row;
    const { KeyMetadata } = await kms.send(
      new CreateKeyCommand({ KeySpec: keySpec, KeyUsage: 'SIGN_VERIFY' }),
    );
    const keyId = KeyMetadata?.KeyId ?? '';
    const authorityKey = (await kms.send(new GetPublicKeyCommand({ KeyId: keyId }))).PublicKey!;
    const sealing = (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId;
    const pair = await kms.send(
      new GenerateDataKeyPairCommand({ KeyId: sealing, KeyPairSpec: 'ECC_NIST_P256' }),
    );

    const signingKey: KmsCryptoKey = {
      type: 'private',
      extractable: false,
      usages: ['sign'],
      algorithm: webCrypto,
      keyId,
    };
    const signed = {
      issuer: 'CN=Strongroom test authority, O=Straße',
      signingKey: signingKey as unknown as webcrypto.CryptoKey,
      signingAlgorithm: webCrypto,
    };
    const crypto = provider(row);
    const authority = await x509.X509CertificateGenerator.create(
      {
        ...signed,
        subject: signed.issuer,
        publicKey: new x509.PublicKey(Uint8Array.from(authorityKey)),
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
          await x509.SubjectKeyIdentifierExtension.create(
            new x509.PublicKey(Uint8Array.from(authorityKey)),
            false,
            crypto,
          ),
        ],
      },
      crypto,
    );
    const leaf = await x509.X509CertificateGenerator.create(
      {
        ...signed,
        subject: 'CN=service.test',
        publicKey: new x509.PublicKey(Uint8Array.from(pair.PublicKey!)),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'service.test' }]),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          await x509.AuthorityKeyIdentifierExtension.create(
            new x509.PublicKey(Uint8Array.from(authorityKey)),
            false,
            crypto,
          ),
          await x509.SubjectKeyIdentifierExtension.create(
            new x509.PublicKey(Uint8Array.from(pair.PublicKey!)),
            false,
            crypto,
          ),
        ],
      },
      crypto,
    );

    const folder = scratchDirectory();
    const [authorityFile, leafFile] = [join(folder, 'authority.pem'), join(folder, 'leaf.pem')];
    writeFileSync(authorityFile, authority.toString('pem'));
    writeFileSync(leafFile, leaf.toString('pem'));
    const verify = (...args: string[]): string =>
      openssl(['verify', '-x509_strict', '-CAfile', authorityFile, ...args]);
    expect(verify(authorityFile)).toBe(`${authorityFile}: OK\n`);
    const asServer = ['-purpose', 'sslserver', '-verify_hostname', 'service.test'];
    expect(verify(...asServer, leafFile)).toBe(`${leafFile}: OK\n`);
    const text = openssl(['x509', '-in', leafFile, '-noout', '-text']);
    expect(text).toContain(`Signature Algorithm: ${row.name}`);

    // The pair's private key is the certificate's.
    const bytes = Buffer.from(pair.PrivateKeyPlaintext!);
    const privateKey = createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' });
    const parsed = new NodeCertificate(leaf.toString('pem'));
    expect(parsed.checkPrivateKey(privateKey)).toBe(true);
    expect(parsed.verify(new NodeCertificate(authority.toString('pem')).publicKey)).toBe(true);

    // One bit of what was signed, and nobody takes it any more.
    const der = Buffer.from(leaf.rawData);
    der[der.indexOf('service.test')]! ^= 1;
    const alteredFile = join(folder, 'altered.pem');
    writeFileSync(alteredFile, new NodeCertificate(der).toString());
    expect(() => verify(alteredFile)).toThrow(/certificate signature failure/);
  });
});
