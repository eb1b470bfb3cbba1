/**
 * Debian's AWS CLI (/usr/bin/aws) walks through every operation.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operations } from '../../src/kms/operations/index.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { AwsCli, awsCliPath, commandOf } from '../support/aws-cli.ts';
import { fromSpki, isSignature } from '../support/node-crypto.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

describeWithTool(awsCliPath, 'awscli', 'AWS CLI', () => {
  let server: StartedServer;
  let aws: AwsCli;

  beforeAll(async () => {
    const scratch = scratchDirectory();
    const dataDirectory = `${scratch}/data`;
    server = await startServer({ dataDirectory, flags: ['--threads', '2'] });
    aws = new AwsCli(server, scratch);
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  const createKey = async (...args: string[]): Promise<{ KeyId: string; Arn: string }> =>
    (await aws.ok('create-key', ...args)).KeyMetadata;
  const usage = ['--key-usage', 'SIGN_VERIFY', '--key-spec'];
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

  it('encryption and data keys', { timeout: 180_000 }, async () => {
    const created = await createKey('--description', 'from the CLI');
    const [keyId, arn] = [created.KeyId, created.Arn];
    expect((await aws.ok('describe-key', '--key-id', arn)).KeyMetadata).toMatchObject({
      Description: 'from the CLI',
      KeyState: 'Enabled',
    });
    expect((await aws.ok('list-keys')).Keys).toEqual([{ KeyId: keyId, KeyArn: arn }]);

    const plaintext = ['--plaintext', aws.bytes('a line of text\n')];
    const context = ['--encryption-context', 'a=1,b=2'];
    const sealed = await aws.ok('encrypt', '--key-id', keyId, ...plaintext, ...context);
    expect(sealed).toMatchObject({ KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    const open = ['--ciphertext-blob', aws.blob(sealed.CiphertextBlob)];
    const opened = await aws.ok('decrypt', ...open, '--encryption-context', 'b=2,a=1');
    expect(text(opened.Plaintext)).toBe('a line of text\n');
    expect(await aws.refused('decrypt', ...open, '--encryption-context', 'a=1')).toMatch(
      /\(InvalidCiphertextException\)/,
    );

    const dataKey = await aws.ok('generate-data-key', '--key-id', keyId, '--key-spec', 'AES_128');
    expect(Buffer.from(dataKey.Plaintext, 'base64')).toHaveLength(16);
    const hidden = await aws.ok(
      'generate-data-key-without-plaintext',
      ...['--key-id', keyId, '--number-of-bytes', '64'],
    );
    expect(Object.keys(hidden)).not.toContain('Plaintext');
    const random = await aws.ok('generate-random', '--number-of-bytes', '33');
    expect(Buffer.from(random.Plaintext, 'base64')).toHaveLength(33);

    const pairOf = ['--key-id', keyId, '--key-pair-spec', 'ECC_NIST_P256', ...context];
    const shown = await aws.ok('generate-data-key-pair', ...pairOf);
    const hiddenPair = await aws.ok('generate-data-key-pair-without-plaintext', ...pairOf);
    expect(Object.keys(hiddenPair)).not.toContain('PrivateKeyPlaintext');
    for (const pair of [shown, hiddenPair]) {
      const blob = ['--ciphertext-blob', aws.blob(pair.PrivateKeyCiphertextBlob)];
      const { Plaintext } = await aws.ok('decrypt', ...blob, ...context);
      expect(Plaintext).toBe(pair.PrivateKeyPlaintext ?? Plaintext);
      const point = Buffer.from(pair.PublicKey, 'base64').subarray(-65).toString('hex');
      expect(Buffer.from(Plaintext, 'base64').toString('hex')).toContain(point);
    }

    const rsa = await createKey('--key-usage', 'ENCRYPT_DECRYPT', '--key-spec', 'RSA_2048');
    const oaep = 'RSAES_OAEP_SHA_256';
    const moved = await aws.ok(
      're-encrypt',
      ...[...open, '--source-encryption-context', 'a=1,b=2', '--destination-key-id', rsa.KeyId],
      ...['--destination-encryption-algorithm', oaep],
    );
    expect(moved).toMatchObject({ SourceKeyId: arn, KeyId: rsa.Arn });
    const decrypted = await aws.ok(
      'decrypt',
      ...['--ciphertext-blob', aws.blob(moved.CiphertextBlob), '--key-id', rsa.KeyId],
      ...['--encryption-algorithm', oaep],
    );
    expect(text(decrypted.Plaintext)).toBe('a line of text\n');

    expect(await aws.ok('disable-key', '--key-id', keyId)).toBeUndefined();
    expect(await aws.refused('encrypt', '--key-id', keyId, ...plaintext)).toMatch(
      new RegExp(
        `^An error occurred \\(DisabledException\\) when calling the Encrypt operation.*: ${arn} is disabled\\.$`,
      ),
    );
    expect(await aws.ok('enable-key', '--key-id', keyId)).toBeUndefined();
  });

  it('signatures and MACs', { timeout: 180_000 }, async () => {
    const message = randomBytes(4096);
    for (const [spec, algorithm] of [
      ['RSA_2048', 'RSASSA_PSS_SHA_384'],
      ['ECC_SECG_P256K1', 'ECDSA_SHA_256'],
    ] as const) {
      const { KeyId, Arn } = await createKey(...usage, spec);
      const given = [
        ...['--key-id', KeyId, '--message', aws.bytes(message), '--message-type', 'RAW'],
        ...['--signing-algorithm', algorithm],
      ];
      const signed = await aws.ok('sign', ...given);
      expect(signed).toMatchObject({ KeyId: Arn, SigningAlgorithm: algorithm });
      const { PublicKey } = await aws.ok('get-public-key', '--key-id', KeyId);
      const publicKey = fromSpki(Buffer.from(PublicKey, 'base64'));
      const signature = Buffer.from(signed.Signature, 'base64');
      expect(isSignature(algorithm, publicKey, message, signature)).toBe(true);
      const verified = await aws.ok('verify', ...given, '--signature', aws.bytes(signature));
      expect(verified.SignatureValid).toBe(true);
      if (spec !== 'RSA_2048') continue;
      signature[signature.length - 1]! ^= 1;
      expect(await aws.refused('verify', ...given, '--signature', aws.bytes(signature))).toMatch(
        /\(KMSInvalidSignatureException\)/,
      );
    }

    const mac = await createKey('--key-usage', 'GENERATE_VERIFY_MAC', '--key-spec', 'HMAC_384');
    const given = [
      ...['--key-id', mac.KeyId, '--message', aws.bytes(message)],
      ...['--mac-algorithm', 'HMAC_SHA_384'],
    ];
    const made = await aws.ok('generate-mac', ...given);
    expect(Buffer.from(made.Mac, 'base64')).toHaveLength(48);
    const verified = await aws.ok('verify-mac', ...given, '--mac', aws.blob(made.Mac));
    expect(verified.MacValid).toBe(true);
  });

  it('aliases, tags, policies and deletion', { timeout: 180_000 }, async () => {
    const tags = ['--tags', 'TagKey=team,TagValue=a', 'TagKey=cost centre,TagValue='];
    const [first, second] = [await createKey(...tags), await createKey()];
    const key = ['--key-id', first.KeyId];

    const alias = ['--alias-name', 'alias/cli'];
    expect(await aws.ok('create-alias', ...alias, '--target-key-id', first.KeyId)).toBeUndefined();
    await aws.ok('create-alias', '--alias-name', 'alias/cli/2', '--target-key-id', first.KeyId);
    const aliasesOf = async (...args: string[]): Promise<string[]> =>
      (await aws.ok('list-aliases', ...args)).Aliases.map(
        ({ AliasName }: { AliasName: string }) => AliasName,
      );
    expect(await aliasesOf(...key, '--page-size', '1')).toEqual(['alias/cli', 'alias/cli/2']);
    await aws.ok('update-alias', ...alias, '--target-key-id', second.KeyId);
    const described = await aws.ok('describe-key', '--key-id', 'alias/cli');
    expect(described.KeyMetadata.KeyId).toBe(second.KeyId);
    expect(await aws.ok('delete-alias', ...alias)).toBeUndefined();

    await aws.ok('tag-resource', ...key, '--tags', 'TagKey=team,TagValue=b', 'TagKey=x,TagValue=y');
    await aws.ok('untag-resource', ...key, '--tag-keys', 'cost centre');
    const listed = await aws.ok('list-resource-tags', ...key);
    expect(listed.Tags).toEqual([
      { TagKey: 'team', TagValue: 'b' },
      { TagKey: 'x', TagValue: 'y' },
    ]);
    expect(await aws.ok('update-key-description', ...key, '--description', 'ö')).toBeUndefined();
    expect((await aws.ok('describe-key', ...key)).KeyMetadata.Description).toBe('ö');

    expect((await aws.ok('list-key-policies', ...key)).PolicyNames).toEqual(['default']);
    const named = [...key, '--policy-name', 'default'];
    const policy = JSON.parse((await aws.ok('get-key-policy', ...named)).Policy);
    expect(policy.Statement).toHaveLength(1);
    policy.Id = 'from the CLI';
    const written = JSON.stringify(policy);
    expect(await aws.ok('put-key-policy', ...named, '--policy', written)).toBeUndefined();
    expect((await aws.ok('get-key-policy', ...named)).Policy).toBe(written);
    expect(await aws.refused('put-key-policy', ...named, '--policy', '{"no":"policy"}')).toMatch(
      /\(MalformedPolicyDocumentException\)/,
    );

    const scheduled = await aws.ok(
      'schedule-key-deletion',
      ...[...key, '--pending-window-in-days', '7'],
    );
    expect(scheduled).toMatchObject({ KeyId: first.Arn, KeyState: 'PendingDeletion' });
    expect(await aws.refused('enable-key', ...key)).toMatch(
      /\(KMSInvalidStateException\).* is pending deletion\.$/,
    );
    expect(await aws.ok('cancel-key-deletion', ...key)).toEqual({ KeyId: first.Arn });
    expect((await aws.ok('describe-key', ...key)).KeyMetadata.KeyState).toBe('Disabled');
  });

  it('was answered by every operation there is, and by no other', async () => {
    expect([...aws.answered].sort()).toEqual([...operations.keys()].map(commandOf).sort());
    expect(await aws.refused('list-grants', '--key-id', 'alias/none')).toMatch(
      /\(UnknownOperationException\)/,
    );
  });
});
