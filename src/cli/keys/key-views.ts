/**
 * KMS keys as the `keys` commands show them.
 */
import type { Output } from '../../api/operations.ts';
import { type KmsClient, pages, type Wire } from '../kms-client.ts';

export type KeyMetadata = NonNullable<Wire<Output<'DescribeKey'>>['KeyMetadata']>;
export type Alias = NonNullable<Wire<Output<'ListAliases'>>['Aliases']>[number];

/** Seconds since the epoch, as AWS sends times, in ISO 8601. */
export function timeText(seconds: number | undefined): string {
  return seconds === undefined
    ? ''
    : new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** For `--json`: AWS's names, times in ISO 8601. */
export function withTimes<T extends object>(value: T): Record<string, unknown> {
  const times = Object.entries(value).filter(([name]) => name.endsWith('Date'));
  return {
    ...value,
    ...Object.fromEntries(times.map(([name, time]) => [name, timeText(time as number)])),
  };
}

/** `app/main` and `alias/app/main` mean the same alias. */
export function aliasName(text: string): string {
  return text.startsWith('alias/') ? text : `alias/${text}`;
}

/** All aliases, or those of one key. @param keyId KeyId or key ARN */
export async function listAliases(client: KmsClient, keyId?: string): Promise<Alias[]> {
  const aliases: Alias[] = [];
  const ofKey = keyId === undefined ? {} : { KeyId: keyId };
  const list = pages((place) => client.call('ListAliases', { ...ofKey, ...place }));
  for await (const page of list) aliases.push(...(page.Aliases ?? []));
  return aliases;
}
