/**
 * Golden files: what earlier releases wrote opens in this one, and everything made then still works. test/golden has a
 * folder for each version of the formats, never changed once a release had it; test/golden/make.ts makes a new one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  DecryptCommand,
  DescribeKeyCommand,
  ListResourceTagsCommand,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { readRecoverySecret } from '../../src/server/backup/recovery-secret.ts';
import { restore } from '../../src/server/backup/restore.ts';
import { startServer } from '../../src/testing/start-server.ts';
import type { Golden } from '../golden/golden.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const golden = new URL('../golden/', import.meta.url).pathname;
const versions = readdirSync(golden).filter((name) => /^\d+$/.test(name));

async function restored(version: string): Promise<{ directory: string; made: Golden }> {
  const folder = join(golden, version);
  const directory = join(scratchDirectory(), 'data');
  const secret = readRecoverySecret(join(folder, 'recovery-secret'));
  await restore({ file: join(folder, 'back-up'), secret, directory });
  return { directory, made: JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) };
}

describe.each(versions)('golden files of version %s', (version) => {
  it('open: device, store, audit log, key tokens under an active and a retired domain key', async () => {
    const { directory, made } = await restored(version);
    await using server = await startServer({ dataDirectory: directory });
    const kms = kmsClient(server);
    const Message = Buffer.from(made.message);
    const octets = (text: string) => Buffer.from(text, 'base64');
    const { Plaintext } = await kms.send(
      new DecryptCommand({
        CiphertextBlob: octets(made.blob),
        EncryptionContext: made.encryptionContext,
      }),
    );
    expect(Buffer.from(Plaintext ?? [])).toEqual(Message);
    const verified = await kms.send(
      new VerifyMacCommand({
        KeyId: made.keys.mac,
        MacAlgorithm: 'HMAC_SHA_256',
        Message,
        Mac: octets(made.mac),
      }),
    );
    expect(verified.MacValid).toBe(true);
    const signed = await kms.send(
      new VerifyCommand({
        KeyId: made.keys.signing,
        SigningAlgorithm: 'ECDSA_SHA_256',
        Message,
        Signature: octets(made.signature),
      }),
    );
    expect(signed.SignatureValid).toBe(true);
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: 'alias/golden' }));
    expect(KeyMetadata).toMatchObject({ KeyId: made.keys.symmetric, Description: 'golden' });
    const { Tags } = await kms.send(new ListResourceTagsCommand({ KeyId: made.keys.symmetric }));
    expect(Tags).toEqual([{ TagKey: 'a', TagValue: 'b' }]);
  });
});

it('a store of a version to come is refused, with both numbers', async () => {
  const { directory } = await restored(versions.at(-1) as string);
  const database = new DatabaseSync(join(directory, 'store.sqlite'));
  database.exec('UPDATE directory SET format_version = 99');
  database.close();
  await expect(startServer({ dataDirectory: directory })).rejects.toThrow(
    /format version 99; this release knows versions up to \d/,
  );
});
