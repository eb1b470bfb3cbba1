/**
 * Reads the shared-credentials file a server wrote at first boot.
 */
import { readFileSync } from 'node:fs';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The `[default]` profile of an AWS shared-credentials file. @throws Error when it has none. */
export function readCredentials(file: string): AccessKey {
  const text = readFileSync(file, 'utf8');
  const accessKeyId = /^aws_access_key_id\s*=\s*(\S+)/m.exec(text)?.[1];
  const secretAccessKey = /^aws_secret_access_key\s*=\s*(\S+)/m.exec(text)?.[1];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(`${file} holds no aws_access_key_id and aws_secret_access_key`);
  }
  return { accessKeyId, secretAccessKey };
}
