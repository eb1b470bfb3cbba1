/**
 * The real @aws-sdk/client-kms against a started server, with one and with two HTTP threads.
 */
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateRandomCommand,
  type KMSClient,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient, refusal } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe.each([1, 2])('with %i HTTP threads', (threads) => {
  let server: StartedServer;
  let kms: KMSClient;
  let keyId: string;
  let arn: string;

  beforeAll(async () => {
    server = await startServer({
      dataDirectory: `${scratchDirectory()}/data`,
      flags: ['--threads', String(threads), '--region', 'us-east-1', '--region', 'eu-west-1'],
    });
    kms = kmsClient(server);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Description: 'e2e' }));
    keyId = KeyMetadata?.KeyId ?? '';
    arn = KeyMetadata?.Arn ?? '';
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  it('makes and describes a key', async () => {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: arn }));
    expect(KeyMetadata).toMatchObject({
      KeyId: keyId,
      Arn: `arn:aws:kms:us-east-1:000000000000:key/${keyId}`,
      AWSAccountId: '000000000000',
      Description: 'e2e',
      Enabled: true,
      KeyState: 'Enabled',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeySpec: 'SYMMETRIC_DEFAULT',
      CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      MultiRegion: false,
      EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    });
    expect(KeyMetadata?.CurrentKeyMaterialId).toMatch(/^[0-9a-f]{64}$/);
    expect(Math.abs(Date.now() - (KeyMetadata?.CreationDate?.getTime() ?? 0))).toBeLessThan(
      120_000,
    );
  });

  it('encrypts and decrypts, whichever thread answers', async () => {
    const context = { tenant: 'é', __proto__x: '1', b: '', a: '2' };
    const plaintexts = Array.from({ length: 64 }, (_, index) =>
      Buffer.alloc(1 + index * 64, index),
    );
    const blobs = await Promise.all(
      plaintexts.map((Plaintext) =>
        kms.send(new EncryptCommand({ KeyId: keyId, Plaintext, EncryptionContext: context })),
      ),
    );
    const opened = await Promise.all(
      blobs.map(({ CiphertextBlob }) =>
        kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: context })),
      ),
    );
    opened.forEach(({ Plaintext, KeyId, EncryptionAlgorithm }, index) => {
      expect(Buffer.from(Plaintext ?? [])).toEqual(plaintexts[index]);
      expect({ KeyId, EncryptionAlgorithm }).toEqual({
        KeyId: arn,
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      });
    });
  });

  it('makes data keys that its own Decrypt opens', async () => {
    const dataKey = await kms.send(
      new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256' }),
    );
    expect(dataKey.Plaintext).toHaveLength(32);
    expect(dataKey.CiphertextBlob).toHaveLength(184);
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob }));
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Buffer.from(dataKey.Plaintext ?? []));
    const sealed = await kms.send(
      new GenerateDataKeyWithoutPlaintextCommand({ KeyId: keyId, NumberOfBytes: 24 }),
    );
    expect(sealed).not.toHaveProperty('Plaintext');
    const inner = await kms.send(
      new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, KeyId: arn }),
    );
    expect(inner.Plaintext).toHaveLength(24);
  });

  it('draws random bytes', async () => {
    const { Plaintext } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 1024 }));
    expect(Plaintext).toHaveLength(1024);
    expect(new Set(Plaintext).size).toBeGreaterThan(200);
  });

  it('disables and enables, seen at once by every thread', async () => {
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('x') }),
    );
    for (let round = 0; round < 10; round += 1) {
      await kms.send(new DisableKeyCommand({ KeyId: keyId }));
      const refusals = await Promise.all(
        Array.from({ length: 8 }, () =>
          refusal(kmsClient(server).send(new DecryptCommand({ CiphertextBlob }))),
        ),
      );
      for (const seen of refusals)
        expect(seen).toEqual({
          name: 'DisabledException',
          status: 400,
          message: `${arn} is disabled.`,
        });
      await kms.send(new EnableKeyCommand({ KeyId: keyId }));
      await Promise.all(
        Array.from({ length: 8 }, () =>
          kmsClient(server).send(new DecryptCommand({ CiphertextBlob })),
        ),
      );
    }
  });

  it('lists keys in pages', async () => {
    for (let index = 0; index < 4; index += 1) await kms.send(new CreateKeyCommand({}));
    const seen: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await kms.send(new ListKeysCommand({ Limit: 2, Marker }));
      seen.push(...(page.Keys ?? []).map((key) => key.KeyId ?? ''));
      expect(page.Truncated).toBe(page.NextMarker !== undefined);
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
    expect(seen).toContain(keyId);
  });

  it('keeps Regions apart', async () => {
    const elsewhere = kmsClient(server, 'eu-west-1');
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('here') }),
    );
    expect((await elsewhere.send(new ListKeysCommand({}))).Keys).toEqual([]);
    expect(await refusal(elsewhere.send(new DescribeKeyCommand({ KeyId: keyId })))).toEqual({
      name: 'NotFoundException',
      status: 400,
      message: `Key 'arn:aws:kms:eu-west-1:000000000000:key/${keyId}' does not exist`,
    });
    expect((await refusal(elsewhere.send(new DecryptCommand({ CiphertextBlob })))).name).toBe(
      'AccessDeniedException',
    );
    expect(
      (await refusal(kmsClient(server, 'ap-south-1').send(new ListKeysCommand({})))).name,
    ).toBe('InvalidSignatureException');
  });

  it('refuses what AWS refuses, in its words', async () => {
    expect(
      await refusal(kms.send(new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.alloc(4097) }))),
    ).toEqual({
      name: 'ValidationException',
      status: 400,
      message:
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
    });
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({
        KeyId: keyId,
        Plaintext: Buffer.from('x'),
        EncryptionContext: { a: '1', b: '2' },
      }),
    );
    const others: (Record<string, string> | undefined)[] = [
      { A: '1', b: '2' },
      { a: '2', b: '1' },
      { a: '1' },
      { a: '1', b: '2', c: '3' },
      undefined,
    ];
    for (const EncryptionContext of others) {
      expect(
        await refusal(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))),
      ).toMatchObject({
        name: 'InvalidCiphertextException',
        status: 400,
      });
    }
    await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: { b: '2', a: '1' } }));
  });

  it('refuses wrong secrets and wrong clocks', async () => {
    const other = kmsClient(server);
    const { accessKeyId } = await other.config.credentials();
    other.config.credentials = async () => ({ accessKeyId, secretAccessKey: 'x'.repeat(40) });
    expect((await refusal(other.send(new ListKeysCommand({})))).name).toBe(
      'InvalidSignatureException',
    );
    const late = kmsClient(server);
    late.config.systemClockOffset = -6 * 60_000;
    const { name, message } = await refusal(late.send(new ListKeysCommand({})));
    expect(name).toBe('InvalidSignatureException');
    expect(message).toMatch(
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    );
  });
});
