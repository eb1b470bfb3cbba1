/**
 * Debian's AWS CLI (/usr/bin/aws) walks through every operation.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const run = promisify(execFile);

describeWithTool('/usr/bin/aws', 'awscli', 'AWS CLI', () => {
  describe.each([1, 2])('with %i HTTP threads', walk);
});

function walk(threads: number): void {
  let server: StartedServer;
  let scratch: string;

  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({
      dataDirectory: `${scratch}/data`,
      flags: ['--threads', String(threads)],
    });
  });
  afterAll(async () => {
    await server.stop();
  });

  const aws = async (...args: string[]) => {
    const { stdout } = await run(
      '/usr/bin/aws',
      [
        'kms',
        ...args,
        '--region',
        'us-east-1',
        '--endpoint-url',
        server.ready.endpoint,
        '--output',
        'json',
      ],
      {
        env: {
          PATH: '/usr/bin:/bin',
          HOME: scratch,
          AWS_SHARED_CREDENTIALS_FILE: server.ready.credentialsFile,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_MAX_ATTEMPTS: '1',
        },
        timeout: 60_000,
      },
    );
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const refused = async (...args: string[]): Promise<string> => {
    try {
      await aws(...args);
    } catch (error) {
      return (error as { stderr: string }).stderr.trim();
    }
    throw new Error('was not refused');
  };

  it('walks through every operation', { timeout: 180_000 }, async () => {
    const created = await aws('create-key', '--description', 'from the CLI');
    const keyId = created.KeyMetadata.KeyId;
    const arn = created.KeyMetadata.Arn;
    expect((await aws('describe-key', '--key-id', arn)).KeyMetadata).toMatchObject({
      Description: 'from the CLI',
      KeyState: 'Enabled',
    });
    expect((await aws('list-keys')).Keys).toEqual([{ KeyId: keyId, KeyArn: arn }]);

    writeFileSync(`${scratch}/plain`, 'a line of text\n');
    const sealed = await aws(
      'encrypt',
      '--key-id',
      keyId,
      '--plaintext',
      `fileb://${scratch}/plain`,
      '--encryption-context',
      'a=1,b=2',
    );
    expect(sealed).toMatchObject({ KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    writeFileSync(`${scratch}/blob`, Buffer.from(sealed.CiphertextBlob, 'base64'));
    const open = ['decrypt', '--ciphertext-blob', `fileb://${scratch}/blob`];
    const opened = await aws(...open, '--encryption-context', 'b=2,a=1');
    expect(Buffer.from(opened.Plaintext, 'base64').toString()).toBe('a line of text\n');
    expect(await refused(...open, '--encryption-context', 'a=1')).toMatch(
      /\(InvalidCiphertextException\)/,
    );

    const dataKey = await aws('generate-data-key', '--key-id', keyId, '--key-spec', 'AES_128');
    expect(Buffer.from(dataKey.Plaintext, 'base64')).toHaveLength(16);
    const hidden = await aws(
      'generate-data-key-without-plaintext',
      '--key-id',
      keyId,
      '--number-of-bytes',
      '64',
    );
    expect(Object.keys(hidden)).not.toContain('Plaintext');
    expect(
      Buffer.from((await aws('generate-random', '--number-of-bytes', '33')).Plaintext, 'base64'),
    ).toHaveLength(33);

    expect(await aws('disable-key', '--key-id', keyId)).toBeUndefined();
    expect(
      await refused('encrypt', '--key-id', keyId, '--plaintext', `fileb://${scratch}/plain`),
    ).toMatch(
      new RegExp(
        `^An error occurred \\(DisabledException\\) when calling the Encrypt operation.*: ${arn} is disabled\\.$`,
      ),
    );
    expect(await aws('enable-key', '--key-id', keyId)).toBeUndefined();
    await aws('encrypt', '--key-id', keyId, '--plaintext', `fileb://${scratch}/plain`);
    expect(await refused('list-grants', '--key-id', keyId)).toMatch(
      /\(UnknownOperationException\)/,
    );
  });
}
