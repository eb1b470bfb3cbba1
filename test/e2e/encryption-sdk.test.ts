/**
 * The real AWS Encryption SDK: envelope encryption through the server, across a kill -9 and a restart.
 */
import { randomBytes } from 'node:crypto';
import {
  buildClient,
  CommitmentPolicy,
  getClient,
  KMS,
  KmsKeyringNode,
} from '@aws-crypto/client-node';
import { CreateKeyCommand, DescribeKeyCommand } from '@aws-sdk/client-kms';
import { expect, it } from 'vitest';
import { startServer } from '../../src/testing/start-server.ts';
import { clientConfig, kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

it.each([1, 2])(
  'seals a file before kill -9 and opens it after restart, %i threads',
  async (threads) => {
    const dataDirectory = `${scratchDirectory()}/data`;
    const flags = ['--threads', String(threads)];
    const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
    const plaintext = randomBytes(100_000);
    const encryptionContext = { purpose: 'test' };

    const first = await startServer({ dataDirectory, flags });
    const generator =
      (await kmsClient(first).send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
    const second = (await kmsClient(first).send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
    const { result } = await encrypt(
      new KmsKeyringNode({
        generatorKeyId: generator,
        keyIds: [second],
        clientProvider: getClient(KMS, clientConfig(first)),
      }),
      plaintext,
      { encryptionContext },
    );
    await first.kill();

    await using again = await startServer({ dataDirectory, flags });
    for (const keyId of [generator, second]) {
      expect(
        (await kmsClient(again).send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata
          ?.KeyState,
      ).toBe('Enabled');
      const opened = await decrypt(
        new KmsKeyringNode({
          keyIds: [keyId],
          clientProvider: getClient(KMS, clientConfig(again)),
        }),
        result,
      );
      expect(opened.plaintext.equals(plaintext)).toBe(true);
      expect(opened.messageHeader.encryptionContext).toMatchObject(encryptionContext);
    }
  },
);
