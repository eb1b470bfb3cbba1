/**
 * Debian's boto3 walks through every operation: test/support/boto3-walk.py.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { operations } from '../../src/kms/operations/index.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { fromSpki, isSignature } from '../support/node-crypto.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const run = promisify(execFile);
/** Debian's Python, whatever other is on the path: boto3 is installed for this one. */
const python = '/usr/bin/python3';
const boto3 = '/usr/lib/python3/dist-packages/boto3/__init__.py';
const walk = fileURLToPath(new URL('../support/boto3-walk.py', import.meta.url));

describeWithTool(boto3, 'python3-boto3', 'boto3', () => {
  it('walks through every operation', { timeout: 120_000 }, async () => {
    await using server = await startServer();
    const { stdout } = await run(python, ['-I', '-B', walk], {
      env: {
        PATH: '/usr/bin:/bin',
        HOME: scratchDirectory(),
        ...server.environment,
        AWS_ENDPOINT_URL: server.endpoint,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      timeout: 110_000,
    });
    const result = JSON.parse(stdout);
    expect(result.operations).toEqual([...operations.keys()].sort());
    const [publicKey, message, signature] = ['publicKey', 'message', 'signature'].map((name) =>
      Buffer.from(result.signed[name], 'base64'),
    ) as [Buffer, Buffer, Buffer];
    expect(isSignature('ECDSA_SHA_384', fromSpki(publicKey), message, signature)).toBe(true);
    console.log(`boto3 ${result.version}: ${result.operations.length} operations`);
  });
});
