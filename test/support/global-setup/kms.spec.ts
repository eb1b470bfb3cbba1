/** Run by test/e2e/testing.test.ts, in a vitest of its own. */
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { expect, it } from 'vitest';

it('finds the server in the environment', async () => {
  const { KeyMetadata } = await new KMSClient({}).send(new CreateKeyCommand({}));
  expect(KeyMetadata?.KeyState).toBe('Enabled');
  process.stdout.write(`served at ${process.env.AWS_ENDPOINT_URL_KMS}\n`);
});
