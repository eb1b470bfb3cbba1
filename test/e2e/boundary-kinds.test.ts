/**
 * The boundary once more, for what is not symmetric: private keys, HMAC keys, data key pairs that the caller does not see, and
 * the plaintext of ReEncrypt. None of them is anywhere in the service's process outside the token's arena and OpenSSL's secure
 * heap, but for what the threat model names, which is printed. The test knows the keys because it opens the device's files
 * itself, from docs/formats; boundary.test.ts shows that the search finds what is there.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CreateKeyCommand,
  type DataKeyPairSpec,
  DecryptCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type KeyUsageType,
  KMSClient,
  ReEncryptCommand,
  SignCommand,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAccessKey } from '../../src/access/credentials-file.ts';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { startServer } from '../../src/testing/start-server.ts';
import type { FromBoundaryHost } from '../support/boundary-host.ts';
import { formsOf, type Needle, Search } from '../support/needles.ts';
import { fromSpki, oaepEncrypt } from '../support/node-crypto.ts';
import { objectNamed, openFlash, openToken } from '../support/open-flash.ts';
import { currentMaterial, openBlob, openKeyToken, readRecord } from '../support/open-store.ts';
import {
  memoryUnavailable,
  type Range,
  type Scan,
  scanProcess,
  scanRanges,
  summary,
  whileStopped,
} from '../support/process-memory.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';

const HOST = fileURLToPath(new URL('../support/boundary-host.ts', import.meta.url));
const region = 'us-east-1';
const accountId = '000000000000';
/** Each key works so often before a scan. */
const workCount = 10;
const scanCount = 4;

const signing = {
  RSA_2048: 'RSASSA_PSS_SHA_256',
  ECC_NIST_P256: 'ECDSA_SHA_256',
  ECC_NIST_P384: 'ECDSA_SHA_384',
  ECC_SECG_P256K1: 'ECDSA_SHA_256',
} as const satisfies Partial<Record<KeySpec, SigningAlgorithmSpec>>;
const pairSpecs: readonly DataKeyPairSpec[] = ['RSA_2048', 'ECC_NIST_P256'];

/** OpenSSL counts with its numbers this way. */
const limbs = 'raw, limbs';

/** A number as it is written, and as it lies in the limbs of a machine with little-endian words. */
function numberForms(secret: string, value: Buffer): Needle[] {
  return [
    ...formsOf(secret, value),
    { secret, form: limbs, pattern: Buffer.from(value).reverse() },
  ];
}

/** The numbers of a private key that tell it. */
function privateNumbers(secret: string, pkcs8: Buffer): Needle[] {
  const jwk = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  return (['d', 'p', 'q', 'dp', 'dq', 'qi'] as const).flatMap((name) => {
    const number = jwk[name];
    return number === undefined
      ? []
      : numberForms(`${secret} ${name}`, Buffer.from(number, 'base64url'));
  });
}

describeUnless(await memoryUnavailable(), 'the boundary, for pairs and MACs', () => {
  const dataDirectory = join(scratchDirectory(), 'data');
  const scans: Scan[] = [];
  let inArena: Scan;
  let host: ChildProcess | undefined;

  beforeAll(async () => {
    await (await startServer({ dataDirectory })).stop();
    const flags = ['--port', '0', '--data-dir', dataDirectory, '--threads', '2'];
    host = fork(HOST, [randomBytes(8).toString('hex'), ...flags], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    const pid = host.pid as number;
    const [ready] = (await once(host, 'message')) as [FromBoundaryHost];
    if (ready.kind !== 'ready') throw new Error('the host is not ready');
    const credentials = readAccessKey(join(dataDirectory, 'credentials'));
    const kms = new KMSClient({ endpoint: ready.endpoint, region, credentials });

    const createKey = async (KeySpec?: KeySpec, KeyUsage?: KeyUsageType): Promise<string> => {
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }));
      return KeyMetadata?.KeyId ?? '';
    };
    const symmetric = await createKey();
    const hmac = await createKey('HMAC_512', 'GENERATE_VERIFY_MAC');
    const decrypting = await createKey('RSA_2048', 'ENCRYPT_DECRYPT');
    const signers = new Map<keyof typeof signing, string>();
    for (const spec of Object.keys(signing) as (keyof typeof signing)[])
      signers.set(spec, await createKey(spec, 'SIGN_VERIFY'));

    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: decrypting }));
    const moved = randomBytes(64);
    const reEncrypt = new ReEncryptCommand({
      CiphertextBlob: oaepEncrypt('RSAES_OAEP_SHA_256', fromSpki(PublicKey as Uint8Array), moved),
      SourceKeyId: decrypting,
      SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      DestinationKeyId: symmetric,
    });
    const other = oaepEncrypt(
      'RSAES_OAEP_SHA_256',
      fromSpki(PublicKey as Uint8Array),
      Buffer.of(1),
    );
    const Message = randomBytes(32);
    const work = async (): Promise<void> => {
      await kms.send(
        new GenerateMacCommand({ KeyId: hmac, Message, MacAlgorithm: 'HMAC_SHA_512' }),
      );
      for (const [spec, KeyId] of signers)
        await kms.send(new SignCommand({ KeyId, Message, SigningAlgorithm: signing[spec] }));
      await kms.send(reEncrypt);
      const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
      await kms.send(
        new DecryptCommand({ KeyId: decrypting, CiphertextBlob: other, EncryptionAlgorithm }),
      );
    };
    await work();
    const hidden: Uint8Array[] = [];
    for (const KeyPairSpec of pairSpecs) {
      const input = { KeyId: symmetric, KeyPairSpec };
      const pair = await kms.send(new GenerateDataKeyPairWithoutPlaintextCommand(input));
      hidden.push(pair.PrivateKeyCiphertextBlob as Uint8Array);
    }

    const hsm = join(dataDirectory, 'hsm');
    const token = openToken(openFlash(hsm), 0, readFileSync(join(hsm, 'user-pin'), 'utf8').trim());
    const backingKey = (keyId: string, domainKey: string): Buffer => {
      const record = readRecord(dataDirectory, 'keys', `${region}/${accountId}/${keyId}`);
      const { value } = objectNamed(token, `strongroom ${region} ${domainKey}`);
      return openKeyToken(value, currentMaterial(record));
    };
    const sealing = backingKey(symmetric, 'domain key');
    const needles = [
      ...formsOf('HMAC key', backingKey(hmac, 'domain key for MACs')),
      ...privateNumbers(
        'RSA key that decrypts',
        backingKey(decrypting, 'domain key for decryption'),
      ),
      ...[...signers].flatMap(([spec, keyId]) =>
        privateNumbers(`${spec} key`, backingKey(keyId, 'domain key for signing')),
      ),
      ...hidden.flatMap((blob, index) =>
        privateNumbers(`${pairSpecs[index]} data key pair`, openBlob(sealing, blob, {})),
      ),
      ...formsOf('plaintext of ReEncrypt', moved),
    ];
    const search = new Search(needles);
    const { memory } = (await adminRequest(dataDirectory, 'status')) as {
      memory: Record<'arena' | 'secureHeap', { start: string; length: number }>;
    };
    const inside = [memory.arena, memory.secureHeap].map(
      ({ start, length }): Range => ({
        start: BigInt(start),
        end: BigInt(start) + BigInt(length),
      }),
    );
    for (let scan = 0; scan < scanCount; scan += 1) {
      for (let count = 0; count < workCount; count += 1) await work();
      const last = work();
      whileStopped(pid, () => {
        scans.push(scanProcess(pid, search, inside));
        inArena = scanRanges(pid, search, inside);
      });
      await last;
    }
    kms.destroy();
  }, 120_000);

  afterAll(() => void host?.kill('SIGKILL'));

  it('finds the keys that work inside, and nothing there of what is over', () => {
    const inside = new Set(
      inArena.hits.filter(({ needle }) => needle.form === 'raw').map(({ needle }) => needle.secret),
    );
    const expected = ['HMAC key', 'RSA key that decrypts d'];
    for (const spec of Object.keys(signing)) expected.push(`${spec} key d`);
    expect([...inside]).toEqual(expect.arrayContaining(expected));
    expect([...inside].filter((secret) => /data key pair|ReEncrypt/.test(secret))).toEqual([]);
  });

  it('finds none outside, but the numbers of RSA keys at work', () => {
    const outside = scans.flatMap(({ hits }) => hits);
    const isNotClaimed = ({ secret, form }: Needle): boolean =>
      form === limbs && /^(RSA_2048 key|RSA key that decrypts) /.test(secret);
    expect(summary(outside.filter(({ needle }) => !isNotClaimed(needle)))).toEqual([]);
    const lines = summary(outside);
    process.stdout.write(`not claimed, and found:\n${lines.map((line) => `  ${line}\n`).join('')}`);
    // A scan that sees these is one that would see the others.
    expect(lines.length).toBeGreaterThan(0);
  });
});
