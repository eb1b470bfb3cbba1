/**
 * Makes the golden files of this release: `node test/golden/make.ts FOLDER`, once for each version of a format, into a new
 * folder. A back-up holds every other format: flash, anchor, root secret, token objects, store, records, key tokens, audit log.
 */
import { mkdirSync, mkdtempDisposableSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  EncryptCommand,
  GenerateMacCommand,
  SignCommand,
} from '@aws-sdk/client-kms';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { createRecoverySecret } from '../../src/server/backup/recovery-secret.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import type { Golden } from './golden.ts';

const folder = resolve(process.argv[2] ?? '');
mkdirSync(folder);
using scratch = mkdtempDisposableSync(join(tmpdir(), 'sr-'));
const dataDirectory = join(scratch.path, 'data');
const Message = Buffer.from('golden message');
const EncryptionContext = { made: 'golden' };
await using server = await startServer({ dataDirectory });
const kms = kmsClient(server);
const create = async (input: CreateKeyCommandInput) =>
  (await kms.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId ?? '';
const symmetric = await create({ Description: 'golden', Tags: [{ TagKey: 'a', TagValue: 'b' }] });
const mac = await create({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
const signing = await create({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
await kms.send(new CreateAliasCommand({ AliasName: 'alias/golden', TargetKeyId: symmetric }));
const { CiphertextBlob } = await kms.send(
  new EncryptCommand({ KeyId: symmetric, Plaintext: Message, EncryptionContext }),
);
const { Mac } = await kms.send(
  new GenerateMacCommand({ KeyId: mac, MacAlgorithm: 'HMAC_SHA_256', Message }),
);
const { Signature } = await kms.send(
  new SignCommand({ KeyId: signing, SigningAlgorithm: 'ECDSA_SHA_256', Message }),
);
// One kind under a second domain key, so that the ring has a retired one.
const rotation = { action: 'rotate', kind: 'mac', soPinFile: `${dataDirectory}.so-pin` };
await adminRequest(dataDirectory, 'domain', rotation);
createRecoverySecret(dataDirectory, join(folder, 'recovery-secret'), false);
await adminRequest(dataDirectory, 'back-up', { file: join(folder, 'back-up') });
const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64');
const golden: Golden = {
  message: Message.toString(),
  encryptionContext: EncryptionContext,
  keys: { symmetric, mac, signing },
  blob: base64(CiphertextBlob),
  mac: base64(Mac),
  signature: base64(Signature),
};
const draft = join(folder, 'golden.next');
writeFileSync(draft, `${JSON.stringify(golden, null, 2)}\n`);
renameSync(draft, join(folder, 'golden.json'));
