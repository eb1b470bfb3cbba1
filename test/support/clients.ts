/**
 * Real AWS clients pointed at a started server.
 */
import { KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import type { StartedServer } from '../../src/testing/start-server.ts';

export function clientConfig(server: StartedServer, region?: string): KMSClientConfig {
  return {
    endpoint: server.ready.endpoint,
    region: region ?? server.ready.regions[0] ?? 'us-east-1',
    credentials: server.credentials,
    maxAttempts: 1,
  };
}

export const kmsClient = (server: StartedServer, region?: string): KMSClient =>
  new KMSClient(clientConfig(server, region));

/** What a call was refused with: exception name, HTTP status and message. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ name: string; status: number; message: string }> {
  try {
    await call;
  } catch (error) {
    const { name, message, $metadata } = error as Error & {
      $metadata?: { httpStatusCode?: number };
    };
    return { name, status: $metadata?.httpStatusCode ?? 0, message };
  }
  throw new Error('the call was not refused');
}
