/**
 * The real AWS Encryption SDK: envelope encryption through the server, across a kill -9 and a restart; with a keyring of two
 * keys, and with cached data keys.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  buildClient,
  CommitmentPolicy,
  getClient,
  getLocalCryptographicMaterialsCache,
  KMS,
  KmsKeyringNode,
  MultiKeyringNode,
  NodeCachingMaterialsManager,
} from '@aws-crypto/client-node';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
} from '@aws-sdk/client-kms';
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

it('two keyrings under a caching materials manager: few calls, and either key opens', async () => {
  const dataDirectory = `${scratchDirectory()}/data`;
  await using server = await startServer({ dataDirectory });
  const kms = kmsClient(server);
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  const arnOfNewKey = async (): Promise<string> =>
    (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
  const [first, second] = [await arnOfNewKey(), await arnOfNewKey()];
  const AliasName = 'alias/encryption-sdk';
  await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: first }));
  const alias = first.replace(/key\/.*/, AliasName);
  const clientProvider = getClient(KMS, clientConfig(server));
  const cached = (backingMaterials: KmsKeyringNode | MultiKeyringNode, messagesMax: number) =>
    new NodeCachingMaterialsManager({
      backingMaterials,
      cache: getLocalCryptographicMaterialsCache(10),
      maxAge: 60_000,
      maxMessagesEncrypted: messagesMax,
    });
  const operationsSoFar = (): string[] =>
    readFileSync(`${dataDirectory}/audit.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event.operation);
  /** What the service is asked while `work` runs. */
  const askedBy = async (work: () => Promise<void>): Promise<string[]> => {
    const before = operationsSoFar().length;
    await work();
    return operationsSoFar().slice(before);
  };

  const both = new MultiKeyringNode({
    generator: new KmsKeyringNode({ generatorKeyId: alias, clientProvider }),
    children: [new KmsKeyringNode({ keyIds: [second], clientProvider })],
  });
  const manager = cached(both, 4);
  const encryptionContext = { tenant: 'ä', purpose: 'caching' };
  const plaintexts = Array.from({ length: 6 }, (_, index) => randomBytes(1 + index * 5000));
  const messages: Buffer[] = [];
  const encrypting = await askedBy(async () => {
    for (const plaintext of plaintexts)
      messages.push((await encrypt(manager, plaintext, { encryptionContext })).result);
  });
  // A data key serves four messages.
  const perDataKey = ['GenerateDataKey', 'Encrypt'];
  expect(encrypting).toEqual([...perDataKey, ...perDataKey]);

  for (const keyId of [first, second]) {
    const opening = cached(new KmsKeyringNode({ keyIds: [keyId], clientProvider }), 1000);
    const decrypting = await askedBy(async () => {
      for (const [index, message] of messages.entries()) {
        const { plaintext, messageHeader } = await decrypt(opening, message);
        expect(plaintext.equals(plaintexts[index]!)).toBe(true);
        expect(messageHeader.encryptionContext).toMatchObject(encryptionContext);
        expect(messageHeader.encryptedDataKeys).toHaveLength(2);
      }
    });
    expect(decrypting).toEqual(['Decrypt', 'Decrypt']);
  }

  // One key out of use: what it sealed is opened by the other.
  await kms.send(new DisableKeyCommand({ KeyId: first }));
  const either = new KmsKeyringNode({ keyIds: [first, second], clientProvider });
  const opened = await decrypt(either, messages[5]!);
  expect(opened.plaintext.equals(plaintexts[5]!)).toBe(true);
  const alone = new KmsKeyringNode({ keyIds: [first], clientProvider });
  await expect(decrypt(alone, messages[5]!)).rejects.toThrow();
  const altered = Buffer.from(messages[5]!);
  altered[altered.length - 200]! ^= 1;
  await expect(decrypt(either, altered)).rejects.toThrow();
});
