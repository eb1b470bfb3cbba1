/**
 * A KMS in this process: real AWS clients without a socket, the same bytes as over one, and nothing left behind.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  type KMSClientConfig,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/server.ts';
import { InProcessHandler } from '../../src/in-process/handler.ts';
import {
  createInProcessKms,
  DomainClock,
  InProcessClosedError,
  type InProcessKms,
} from '../../src/in-process/index.ts';
import { openEphemeral } from '../../src/server/foundation.ts';
import { openKms } from '../../src/server/kms.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { refusal } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { sign } from '../unit/access/sign.ts';

const bytes = (data: Uint8Array | undefined): Buffer => Buffer.from(data ?? []);

function clientOf(kms: InProcessKms, more: KMSClientConfig = {}): KMSClient {
  const config: KMSClientConfig = kms.clientConfig;
  return new KMSClient({ ...config, maxAttempts: 1, ...more });
}

async function newKey(client: KMSClient): Promise<string> {
  return (await client.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? '';
}

describe('an AWS SDK client', () => {
  let kms: InProcessKms;
  let client: KMSClient;
  beforeAll(async () => {
    kms = await createInProcessKms({ ephemeral: true, regions: ['eu-west-1', 'us-east-1'] });
    client = clientOf(kms);
  });
  afterAll(() => kms.close());

  it('makes a key, encrypts and decrypts', async () => {
    const keyId = await newKey(client);
    const EncryptionContext = { tenant: 'é' };
    const { CiphertextBlob } = await client.send(
      new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('hello'), EncryptionContext }),
    );
    const opened = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    expect(bytes(opened.Plaintext).toString()).toBe('hello');
    expect(opened.KeyId).toBe(`arn:aws:kms:eu-west-1:000000000000:key/${keyId}`);
    const dataKey = await client.send(
      new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256' }),
    );
    expect(dataKey.Plaintext).toHaveLength(32);
    expect(dataKey.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is refused as over HTTP', async () => {
    const keyId = await newKey(client);
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    expect(
      await refusal(client.send(new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('x') }))),
    ).toEqual({
      name: 'DisabledException',
      status: 400,
      message: `arn:aws:kms:eu-west-1:000000000000:key/${keyId} is disabled.`,
    });
  });

  it('has to sign', async () => {
    const credentials = { ...kms.credentials, secretAccessKey: 'x'.repeat(40) };
    expect(
      await refusal(clientOf(kms, { credentials }).send(new ListKeysCommand({}))),
    ).toMatchObject({ name: 'InvalidSignatureException', status: 400 });
    const stranger = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' };
    expect(
      (await refusal(clientOf(kms, { credentials: stranger }).send(new ListKeysCommand({})))).name,
    ).toBe('UnrecognizedClientException');
    expect(
      (await refusal(clientOf(kms, { region: 'ap-south-1' }).send(new ListKeysCommand({})))).name,
    ).toBe('InvalidSignatureException');
  });

  it('reaches each Region, and finds its keys there alone', async () => {
    const keyId = await newKey(client);
    const elsewhere = clientOf(kms, { region: 'us-east-1' });
    expect((await refusal(elsewhere.send(new DescribeKeyCommand({ KeyId: keyId })))).name).toBe(
      'NotFoundException',
    );
  });

  it('gives up a call that is aborted', async () => {
    const controller = new AbortController();
    const call = client.send(new ListKeysCommand({}), { abortSignal: controller.signal });
    controller.abort();
    expect((await refusal(call)).name).toBe('AbortError');
  });

  it('that is destroyed leaves the others theirs', async () => {
    const other = clientOf(kms);
    await other.send(new ListKeysCommand({}));
    other.destroy();
    await client.send(new ListKeysCommand({}));
  });

  it('has no socket: its endpoint is a name that never resolves', async () => {
    expect(kms.endpoint).toBe('http://in-process.invalid');
    const { requestHandler: _, ...withoutHandler } = kms.clientConfig;
    const { name } = await refusal(
      new KMSClient({ ...withoutHandler, maxAttempts: 1 }).send(new ListKeysCommand({})),
    );
    expect(name).not.toBe('InvalidSignatureException');
  });
});

it('the AWS Encryption SDK works', async () => {
  await using kms = await createInProcessKms({ ephemeral: true });
  const client = clientOf(kms);
  const keys = [await newKey(client), await newKey(client)].map(
    (keyId) => `arn:aws:kms:us-east-1:000000000000:key/${keyId}`,
  );
  const [generatorKeyId = '', second = ''] = keys;
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  // Its clients are of the SDK's own making.
  const clientProvider = getClient(KMS, { ...kms.clientConfig });
  const plaintext = randomBytes(100_000);
  const { result } = await encrypt(
    new KmsKeyringNode({ generatorKeyId, keyIds: [second], clientProvider }),
    plaintext,
    { encryptionContext: { purpose: 'test' } },
  );
  for (const keyId of keys) {
    const opened = await decrypt(new KmsKeyringNode({ keyIds: [keyId], clientProvider }), result);
    expect(opened.plaintext.equals(plaintext)).toBe(true);
  }
});

describe('instances', () => {
  it('stand side by side and know nothing of each other', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, () => createInProcessKms({ ephemeral: true })),
    );
    const blobs = await Promise.all(
      all.map(async (kms, index) => {
        const client = clientOf(kms);
        const KeyId = await newKey(client);
        const Plaintext = Buffer.from(`of ${index}`);
        return (await client.send(new EncryptCommand({ KeyId, Plaintext }))).CiphertextBlob;
      }),
    );
    for (const [index, kms] of all.entries()) {
      const own = await clientOf(kms).send(new DecryptCommand({ CiphertextBlob: blobs[index] }));
      expect(bytes(own.Plaintext).toString()).toBe(`of ${index}`);
      const neighbour = all[(index + 1) % all.length] ?? kms;
      const foreign = new DecryptCommand({ CiphertextBlob: blobs[index] });
      expect((await refusal(clientOf(neighbour).send(foreign))).name).toBe('AccessDeniedException');
      const { credentials } = kms;
      expect(
        (await refusal(clientOf(neighbour, { credentials }).send(new ListKeysCommand({})))).name,
      ).toBe('UnrecognizedClientException');
    }
    await Promise.all(all.map((kms) => kms.close()));
  });

  it('refuse calls once closed, after those under way', async () => {
    const kms = await createInProcessKms({ ephemeral: true });
    const client = clientOf(kms);
    const calls = Array.from({ length: 20 }, () => newKey(client));
    await sleep(0);
    const [, keyIds] = await Promise.all([kms.close(), Promise.all(calls)]);
    expect(new Set(keyIds).size).toBe(20);
    await kms.close();
    await expect(client.send(new ListKeysCommand({}))).rejects.toThrow(InProcessClosedError);
  });

  it('date their keys by the clock they are given', async () => {
    const domainClock = new DomainClock();
    const year = 365 * 24 * 3_600_000;
    domainClock.advance(year);
    await using kms = await createInProcessKms({ ephemeral: true, domainClock });
    const { KeyMetadata } = await clientOf(kms).send(new CreateKeyCommand({}));
    const agedMs = (KeyMetadata?.CreationDate?.getTime() ?? 0) - Date.now() - year;
    expect(Math.abs(agedMs)).toBeLessThan(60_000);
  });

  it('are of the account they are told', async () => {
    await using kms = await createInProcessKms({ ephemeral: true, account: '111122223333' });
    const { KeyMetadata } = await clientOf(kms).send(new CreateKeyCommand({}));
    expect(KeyMetadata?.AWSAccountId).toBe('111122223333');
    expect(kms.accountId).toBe('111122223333');
  });

  it.each([
    [{}, /either ephemeral or has a dataDirectory/],
    [{ ephemeral: true, dataDirectory: 'd' }, /either ephemeral or/],
    [{ ephemeral: true, soPinFile: 'p' }, /either ephemeral or/],
    [{ ephemeral: true, regions: [] }, /at least one Region/],
    [{ ephemeral: true, regions: ['mars'] }, /Region such as us-east-1/],
    [{ ephemeral: true, account: '12' }, /12 digits/],
  ])('are not made of %j', async (options, message) => {
    await expect(createInProcessKms(options)).rejects.toThrow(TypeError);
    await expect(createInProcessKms(options)).rejects.toThrow(message);
  });

  it('are ready at once, and quick', async () => {
    await (await createInProcessKms({ ephemeral: true })).close();
    const freshMs: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const started = performance.now();
      const kms = await createInProcessKms({ ephemeral: true });
      freshMs.push(performance.now() - started);
      await kms.close();
    }
    freshMs.sort((a, b) => a - b);

    await using kms = await createInProcessKms({ ephemeral: true });
    const client = clientOf(kms);
    const KeyId = await newKey(client);
    const started = performance.now();
    for (let round = 0; round < 500; round += 1) {
      const Plaintext = Buffer.alloc(32, round);
      const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext }));
      const opened = await client.send(new DecryptCommand({ CiphertextBlob }));
      expect(bytes(opened.Plaintext).equals(Plaintext)).toBe(true);
    }
    const callsMs = performance.now() - started;
    process.stdout.write(
      `a fresh in-process KMS takes ${freshMs[4]?.toFixed(1)} ms (median of 9, at most ${freshMs[8]?.toFixed(1)}), 1,000 calls ${callsMs.toFixed(0)} ms\n`,
    );
    expect(freshMs[4]).toBeLessThan(250);
    expect(callsMs).toBeLessThan(10_000);
  });

  it('leave nothing behind: 1,500 of them', { timeout: 120_000 }, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const residentMiB = async (): Promise<number> => {
      // Finalisers of one collection release what the next one frees.
      for (let round = 0; round < 3; round += 1) {
        collect();
        await sleep(20);
      }
      return process.memoryUsage().rss / 2 ** 20;
    };
    const use = async (): Promise<void> => {
      const kms = await createInProcessKms({ ephemeral: true });
      const client = clientOf(kms);
      const KeyId = await newKey(client);
      await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }));
      client.destroy();
      await kms.close();
    };
    for (let round = 0; round < 300; round += 1) await use();
    // The heap of the C library grows in steps of its own; what is left behind grows in every window.
    const grownMiB: number[] = [];
    for (let window = 0; window < 3; window += 1) {
      const before = await residentMiB();
      for (let round = 0; round < 500; round += 1) await use();
      grownMiB.push((await residentMiB()) - before);
    }
    const windows = grownMiB.map((grown) => grown.toFixed(0)).join(', ');
    process.stdout.write(`3 times 500 in-process KMS opened and closed: ${windows} MiB more\n`);
    expect(Math.min(...grownMiB)).toBeLessThan(25);
  });

  it('keep no program from ending', () => {
    const program = `
      import { createInProcessKms } from './src/in-process/index.ts';
      const kms = await createInProcessKms({ ephemeral: true });
      console.log(kms.region);`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program],
      { cwd: new URL('../..', import.meta.url), encoding: 'utf8', timeout: 20_000 },
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'us-east-1\n', stderr: '' });
  });
});

describe('over a data directory', () => {
  it('keeps its keys, and a server finds them there', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    let blob: Uint8Array | undefined;
    {
      await using kms = await createInProcessKms({ dataDirectory });
      const client = clientOf(kms);
      const KeyId = await newKey(client);
      const Plaintext = Buffer.from('kept');
      blob = (await client.send(new EncryptCommand({ KeyId, Plaintext }))).CiphertextBlob;
      await expect(createInProcessKms({ dataDirectory })).rejects.toMatchObject({ code: 'IN_USE' });
    }
    {
      await using kms = await createInProcessKms({ dataDirectory });
      const opened = await clientOf(kms).send(new DecryptCommand({ CiphertextBlob: blob }));
      expect(bytes(opened.Plaintext).toString()).toBe('kept');
    }
    await using server = await startServer({ dataDirectory });
    const { endpoint, region, credentials } = server;
    const opened = await new KMSClient({ endpoint, region, credentials }).send(
      new DecryptCommand({ CiphertextBlob: blob }),
    );
    expect(bytes(opened.Plaintext).toString()).toBe('kept');
  });
});

describe('the same request', () => {
  it('is answered with the same bytes as over HTTP', async () => {
    await using foundation = await openEphemeral({
      regions: ['eu-west-1'],
      accountId: undefined,
      dev: false,
    });
    const { device, credential, userPin, sessionKey } = foundation;
    await using kms = await openKms(
      { regions: ['eu-west-1'], credential, dev: false, userPin, sessionKey, serverTiming: false },
      { device, store: foundation.openStore(), onFault: () => undefined },
    );
    const server = await startHttpServer({ handler: kms.handler, host: '127.0.0.1', port: 0 });
    const handler = new InProcessHandler(kms.handler);
    const { accessKeyId, secretAccessKey } = credential;
    const options = { date: new Date(), accessKeyId, secretAccessKey };

    interface Sent {
      readonly method: string;
      readonly path: string;
      readonly headers: Record<string, string>;
      readonly body: Uint8Array;
    }
    const signed = async (
      operation: string,
      body: string | Uint8Array,
      headers: Record<string, string> = {},
    ): Promise<Sent> => {
      const octets = Buffer.from(body);
      const target = { 'x-amz-target': `TrentService.${operation}`, ...headers };
      const { rawHeaders } = await sign({ headers: target, body: octets }, options);
      const lines = rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : [],
      );
      return { method: 'POST', path: '/', headers: Object.fromEntries(lines), body: octets };
    };
    /** Of the HTTP connection, of the moment, or of the one request. */
    const own = /^(date|connection|keep-alive|x-amzn-requestid)$/;
    const comparable = (status: number, headers: object, body: Uint8Array) => ({
      status,
      headers: Object.fromEntries(
        Object.entries(headers)
          .filter(([name]) => !own.test(name))
          .sort(),
      ),
      names: ['date', 'x-amzn-requestid'].filter((name) => name in headers),
      body: Buffer.from(body).toString('latin1'),
    });
    const overHttp = ({ method, path, headers, body }: Sent) =>
      new Promise<ReturnType<typeof comparable>>((resolve, reject) => {
        const sent = httpRequest(
          { port: server.port, method, path, headers, agent: false },
          (got) => {
            const chunks: Buffer[] = [];
            got.on('data', (chunk: Buffer) => chunks.push(chunk));
            got.on('end', () =>
              resolve(comparable(got.statusCode ?? 0, got.headers, Buffer.concat(chunks))),
            );
          },
        );
        sent.on('error', reject).end(body);
      });
    const inProcess = async (sent: Sent) => {
      const { response } = await handler.handle({ ...sent, hostname: '127.0.0.1' });
      return comparable(response.statusCode, response.headers, response.body);
    };

    const made = await handler.handle({
      ...(await signed('CreateKey', '{"Description":"é"}')),
      hostname: '127.0.0.1',
    });
    const { KeyMetadata } = JSON.parse(bytes(made.response.body).toString());
    const list = await signed('ListKeys', '{}');
    const { 'x-amz-target': _, ...untargeted } = list.headers;
    const requests: Record<string, Sent> = {
      'an answer': list,
      'an answer beyond ASCII': await signed('DescribeKey', `{"KeyId":"${KeyMetadata.KeyId}"}`),
      'an operation that is not there': await signed('CreateGrantOfMars', '{}'),
      'no operation at all': { ...list, headers: untargeted },
      'a refused input': await signed('Encrypt', '{"KeyId":"","Plaintext":""}'),
      'a key that is not there': await signed('DescribeKey', '{"KeyId":"alias/é"}'),
      'a body that is no JSON': await signed('ListKeys', '{'),
      'a body that is no UTF-8': await signed('ListKeys', Buffer.from([0x7b, 0xff, 0x7d])),
      'an empty body': await signed('ListKeys', ''),
      'a body that was not signed': { ...list, body: Buffer.from('{} ') },
      'a body over the limit': { ...list, body: Buffer.alloc(1024 * 1024 + 1, ' ') },
      'no signature': { ...list, headers: { 'x-amz-target': 'TrentService.ListKeys' } },
      'a header changed': {
        ...list,
        headers: { ...list.headers, 'x-amz-target': 'TrentService.CreateKey' },
      },
      'another path': { ...list, path: '/keys' },
      'a query that was not signed': { ...list, path: '/?a=b' },
      'another method': { ...list, method: 'PUT' },
      health: { ...list, method: 'GET', path: '/health' },
    };
    const statuses = new Set<number>();
    for (const [what, sent] of Object.entries(requests)) {
      const answer = await inProcess(sent);
      expect({ what, answer }).toEqual({ what, answer: await overHttp(sent) });
      statuses.add(answer.status);
    }
    expect([...statuses].sort()).toEqual([200, 400, 404, 405, 413]);
    await server.close(1_000);
  });
});
