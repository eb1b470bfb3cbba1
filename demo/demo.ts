/**
 * npm run demo -- FILE: a real AWS SDK and the real AWS Encryption SDK take FILE through Strongroom and back.
 *
 * Starts a server on a free port, makes a KMS key, envelope-encrypts FILE, restarts the server, decrypts and
 * compares; then shows a wrong encryption context and a disabled key refused.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import {
  buildClient,
  CommitmentPolicy,
  getClient,
  KMS,
  KmsKeyringNode,
} from '@aws-crypto/client-node';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { type StartedServer, startServer } from '../src/testing/start-server.ts';
import { stationTable, watchStations } from './stations.ts';

const file = resolve(process.argv[2] ?? 'README.md');
const name = basename(file);
const plaintext = readFileSync(file);
const home = mkdtempSync(join(tmpdir(), 'strongroom-demo-'));
const dataDirectory = join(home, 'data');
const context = { purpose: 'demo', file: name };

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const step = (text: string): void => say(`\n== ${text}`);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function clients(server: StartedServer) {
  const shared = {
    endpoint: server.ready.endpoint,
    region: server.ready.regions[0] ?? 'us-east-1',
    credentials: server.credentials,
  };
  const kms = new KMSClient(shared);
  const seen = watchStations(kms);
  const encryptionSdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  const clientProvider = getClient(KMS, shared);
  return { kms, seen, ...encryptionSdk, clientProvider };
}

async function refused(what: string, expected: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const got =
      error instanceof Error
        ? `${error.name}${error.message === '' ? '' : `: ${error.message}`}`
        : String(error);
    if (!got.startsWith(expected)) throw new Error(`${what}: expected ${expected}, got ${got}`);
    say(`${what}: refused, ${got}`);
    return;
  }
  throw new Error(`${what}: was not refused`);
}

async function main(): Promise<void> {
  say(`${name}: ${statSync(file).size} bytes, SHA-256 ${sha256(plaintext)}`);

  step('start the server');
  let started = performance.now();
  let server = await startServer({ dataDirectory, flags: ['--server-timing'] });
  say(
    `first start, ready in ${(performance.now() - started).toFixed(0)} ms at ${server.ready.endpoint}`,
  );
  let ciphertext: Buffer;
  let keyArn: string;
  try {
    const client = clients(server);
    step('make a KMS key (@aws-sdk/client-kms)');
    const { KeyMetadata } = await client.kms.send(
      new CreateKeyCommand({ Description: 'demonstration' }),
    );
    keyArn = KeyMetadata?.Arn ?? '';
    say(`${keyArn} is ${KeyMetadata?.KeyState}`);

    step('envelope-encrypt the file (AWS Encryption SDK)');
    const keyring = new KmsKeyringNode({
      generatorKeyId: keyArn,
      clientProvider: client.clientProvider,
    });
    const encrypted = await client.encrypt(keyring, plaintext, { encryptionContext: context });
    ciphertext = encrypted.result;
    say(
      `the SDK sent KMS one GenerateDataKey and got a data key twice: plain, and sealed for the key above`,
    );
    say(`the file left the SDK as ${ciphertext.length} bytes, SHA-256 ${sha256(ciphertext)}`);
    say(`the service never saw the file; its token never let the backing key out`);
  } finally {
    await server.stop();
  }

  step('restart the server');
  started = performance.now();
  server = await startServer({ dataDirectory, flags: ['--server-timing'] });
  say(
    `second start, ready in ${(performance.now() - started).toFixed(0)} ms at ${server.ready.endpoint}`,
  );
  try {
    const client = clients(server);
    const keyring = new KmsKeyringNode({ keyIds: [keyArn], clientProvider: client.clientProvider });

    step('decrypt and compare');
    const decrypted = await client.decrypt(keyring, ciphertext);
    if (!decrypted.plaintext.equals(plaintext)) throw new Error('the decrypted file differs');
    say(
      `same ${decrypted.plaintext.length} bytes; context that was bound: ${JSON.stringify(decrypted.messageHeader.encryptionContext)}`,
    );

    step('time per station, median of 50 Encrypt and Decrypt of 32 bytes');
    const message = Buffer.alloc(32, 7);
    let blob: Uint8Array | undefined;
    for (let round = 0; round < 50; round += 1) {
      const sealed = await client.kms.send(
        new EncryptCommand({ KeyId: keyArn, Plaintext: message, EncryptionContext: context }),
      );
      blob = sealed.CiphertextBlob;
      await client.kms.send(
        new DecryptCommand({ CiphertextBlob: blob, EncryptionContext: context }),
      );
    }
    say(stationTable(client.seen));

    step('what must be refused');
    await refused(
      'wrong context',
      'InvalidCiphertextException',
      client.kms.send(
        new DecryptCommand({
          CiphertextBlob: blob,
          EncryptionContext: { ...context, file: 'other' },
        }),
      ),
    );
    await client.kms.send(new DisableKeyCommand({ KeyId: keyArn }));
    const { KeyMetadata } = await client.kms.send(new DescribeKeyCommand({ KeyId: keyArn }));
    say(`the key is ${KeyMetadata?.KeyState} now`);
    await refused(
      'disabled key',
      'DisabledException',
      client.kms.send(new DecryptCommand({ CiphertextBlob: blob, EncryptionContext: context })),
    );
    await client.kms.send(new EnableKeyCommand({ KeyId: keyArn }));
    const again = await client.kms.send(
      new DecryptCommand({ CiphertextBlob: blob, EncryptionContext: context }),
    );
    if (!message.equals(again.Plaintext ?? Buffer.alloc(0)))
      throw new Error('the enabled key opens nothing');
    say('enabled again: opens');
  } finally {
    await server.stop();
  }
  say('\ndone');
}

try {
  await main();
} finally {
  rmSync(home, { recursive: true, force: true });
}
