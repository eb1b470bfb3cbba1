/**
 * TLS on the KMS port: real clients that trust the authority take it, those that do not refuse it.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { clientConfig } from '../support/clients.ts';
import { openssl, opensslPath } from '../support/openssl.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
/** As little as a person's shell would have, so that nothing here is trusted by chance. */
const bare = { PATH: '/usr/bin:/bin', AWS_EC2_METADATA_DISABLED: 'true', AWS_MAX_ATTEMPTS: '1' };

describe.each([1, 2])('serve --tls with %i HTTP threads', (threads) => {
  let server: StartedServer;
  let caFile: string;
  let scratch: string;

  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({
      dataDirectory: join(scratch, 'data'),
      flags: ['--tls', '--tls-name', 'kms.test', '--threads', String(threads)],
    });
    caFile = server.ready.caFile ?? '';
  });
  afterAll(async () => {
    await server.stop();
  });

  const sdk = (ca: string | undefined): KMSClient =>
    new KMSClient({
      ...clientConfig(server),
      requestHandler: { httpsAgent: new Agent(ca === undefined ? {} : { ca }) },
    });

  it('says what to trust', () => {
    expect(server.ready.endpoint).toBe(`https://127.0.0.1:${server.ready.port}`);
    expect(caFile).toBe(join(scratch, 'data', 'tls', 'ca.pem'));
    const lines = server.stderr();
    expect(lines).toContain(`export NODE_EXTRA_CA_CERTS=${caFile} AWS_CA_BUNDLE=${caFile}`);
    expect(lines).toContain(`aws kms list-keys --endpoint-url ${server.ready.endpoint}`);
    expect(server.environment).toMatchObject({
      AWS_CA_BUNDLE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
    });
  });

  it('the AWS SDK for JavaScript works with the authority, over many connections', async () => {
    const clients = Array.from({ length: 4 }, () => sdk(readFileSync(caFile, 'utf8')));
    const { KeyMetadata } = await clients[0]!.send(new CreateKeyCommand({}));
    const plaintexts = await Promise.all(
      clients.map(async (client, index) => {
        const Plaintext = Buffer.from(`message ${index}`);
        const sealed = await client.send(
          new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }),
        );
        const { CiphertextBlob } = sealed;
        const opened = await client.send(new DecryptCommand({ CiphertextBlob }));
        return Buffer.from(opened.Plaintext ?? []).toString();
      }),
    );
    expect(plaintexts).toEqual(['message 0', 'message 1', 'message 2', 'message 3']);
    for (const client of clients) client.destroy();
  });

  it('the AWS SDK for JavaScript refuses it without', async () => {
    const client = sdk(undefined);
    await expect(client.send(new CreateKeyCommand({}))).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    client.destroy();
  });

  it('NODE_EXTRA_CA_CERTS makes a program of its own trust it', async () => {
    const program = `
      import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
      const { Keys } = await new KMSClient({ endpoint: process.env.AWS_ENDPOINT_URL_KMS }).send(new ListKeysCommand());
      console.log(Keys.length > 0);`;
    const start = (environment: object) =>
      run(process.execPath, ['--input-type=module', '-e', program], {
        cwd: root,
        env: { ...bare, ...environment },
      });
    expect((await start(server.environment)).stdout.trim()).toBe('true');
    const { NODE_EXTRA_CA_CERTS: _, ...without } = server.environment;
    await expect(start(without)).rejects.toThrow(/UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  });

  describeWithTool('/usr/bin/aws', 'awscli', 'AWS CLI', () => {
    const aws = (environment: object) =>
      run('/usr/bin/aws', ['kms', 'list-keys', '--endpoint-url', server.endpoint], {
        env: { ...bare, HOME: scratch, ...environment },
        timeout: 60_000,
      });
    it('works with AWS_CA_BUNDLE, and refuses it without', { timeout: 60_000 }, async () => {
      expect(JSON.parse((await aws(server.environment)).stdout)).toHaveProperty('Keys');
      const { AWS_CA_BUNDLE: _, ...without } = server.environment;
      await expect(aws(without)).rejects.toThrow(/SSL validation failed|CERTIFICATE_VERIFY_FAILED/);
    });
  });

  describeWithTool('/usr/bin/curl', 'curl', 'curl', () => {
    const curl = async (host: string, ...flags: string[]): Promise<string> => {
      const { port } = server.ready;
      const to = ['--connect-to', `${host}:${port}:127.0.0.1:${port}`];
      const url = `https://${host}:${port}/health`;
      return (await run('/usr/bin/curl', ['-sS', ...to, ...flags, url], { env: bare })).stdout;
    };
    it('takes each name of the certificate and no other', async () => {
      for (const host of ['localhost', '127.0.0.1', 'kms.test'])
        expect(JSON.parse(await curl(host, '--cacert', caFile))).toMatchObject({ status: 'ok' });
      await expect(curl('else.test', '--cacert', caFile)).rejects.toThrow(
        /no alternative certificate/,
      );
      await expect(curl('localhost')).rejects.toThrow(/unable to get local issuer/);
    });
  });

  describeWithTool(opensslPath, 'openssl', 'openssl s_client', () => {
    it('sees the chain, TLS 1.2 and 1.3, and nothing older', async () => {
      const client = (...flags: string[]): string =>
        openssl(
          [
            ...['s_client', '-connect', `127.0.0.1:${server.ready.port}`, '-CAfile', caFile],
            ...['-verify_return_error', '-verify_ip', '127.0.0.1', ...flags],
          ],
          '',
        );
      expect(client()).toMatch(/Verification: OK[\s\S]*New, TLSv1\.3/);
      expect(client('-tls1_2')).toMatch(/New, TLSv1\.2/);
      expect(() => client('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0')).toThrow(/protocol version/);
    });
  });
});

describe('certificates of a server', () => {
  it('stay over starts, and follow its names', { timeout: 120_000 }, async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    const serve = async (...names: string[]) => {
      const flags = ['--tls', ...names.flatMap((name) => ['--tls-name', name])];
      const server = await startServer({ dataDirectory, flags });
      const caFile = server.ready.caFile ?? '';
      const texts = [caFile, caFile.replace('ca.pem', 'server.pem')].map((file) =>
        readFileSync(file, 'utf8'),
      );
      const said = server.stderr();
      expect(await server.stop()).toBe(0);
      return { texts, said };
    };
    const first = await serve();
    const second = await serve();
    expect(second.texts).toEqual(first.texts);
    expect(second.said).toBe('');
    const third = await serve('kms.test');
    expect(third.texts[0]).not.toBe(first.texts[0]);
    expect(third.said).toMatch(/^made a certificate authority; clients have to trust /);
  });

  it('of an ephemeral server go with it', async () => {
    const server = await startServer({ flags: ['--tls'] });
    const ca = readFileSync(server.ready.caFile ?? '', 'utf8');
    const client = new KMSClient({
      ...clientConfig(server),
      requestHandler: { httpsAgent: new Agent({ ca }) },
    });
    await client.send(new CreateKeyCommand({}));
    client.destroy();
    expect(await server.stop()).toBe(0);
    expect(() => readFileSync(server.ready.caFile ?? '')).toThrow(/ENOENT/);
  });

  describeWithTool(opensslPath, 'openssl', 'given ones', () => {
    const scratch = scratchDirectory();
    const at = (name: string): string => join(scratch, name);
    const make = (name: string, ...flags: string[]): void => {
      const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', at(`${name}.key`)];
      const subject = ['-subj', '/CN=given', '-addext', 'subjectAltName=DNS:localhost'];
      openssl(['req', '-x509', ...key, '-out', at(`${name}.crt`), ...subject, ...flags]);
    };
    const serve = (certificate: string, key: string) =>
      startServer({ flags: ['--tls-cert', at(certificate), '--tls-key', at(key)] });

    it('are used, and the endpoint has a name of theirs', async () => {
      make('good', '-days', '2');
      const server = await serve('good.crt', 'good.key');
      expect(server.endpoint).toBe(`https://localhost:${server.ready.port}`);
      expect(server.ready.caFile).toBeUndefined();
      const client = new KMSClient({
        ...clientConfig(server),
        requestHandler: { httpsAgent: new Agent({ ca: readFileSync(at('good.crt')) }) },
      });
      await client.send(new CreateKeyCommand({}));
      client.destroy();
      expect(await server.stop()).toBe(0);
    });

    it('that cannot be used are refused in a sentence', { timeout: 60_000 }, async () => {
      make('good', '-days', '2');
      make('other', '-days', '2');
      writeFileSync(at('text'), 'no PEM');
      const failures = [
        ['none.crt', 'good.key', /none\.crt cannot be read: ENOENT/],
        ['text', 'good.key', /text holds no certificate in PEM/],
        ['good.crt', 'text', /text holds no private key in PEM/],
        ['good.crt', 'other.key', /other\.key is not the key of the first certificate/],
      ] as const;
      for (const [certificate, key, message] of failures) {
        const refused = expect(serve(certificate, key)).rejects;
        await refused.toThrow(new RegExp(`ended with exit code 1.*${message.source}`));
      }
    });
  });
});
