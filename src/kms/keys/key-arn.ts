/**
 * Names of KMS keys: what a request's KeyId may hold, and the ARN of a key.
 * Source: AWS KMS API Reference, KeyId parameters; recorded error texts.
 */
import { kmsException } from '../../api/exceptions.ts';

/** A key by account and bare id, in the serving Region. */
export interface KeyName {
  readonly accountId: string;
  readonly keyId: string;
}

const keyIdPattern =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;

/** Partition of a Region by its prefix; all others are `aws`. */
const partitions: readonly [prefix: string, partition: string][] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
  ['us-iso-', 'aws-iso'],
  ['us-isob-', 'aws-iso-b'],
  ['eu-isoe-', 'aws-iso-e'],
  ['us-isof-', 'aws-iso-f'],
  ['eusc-', 'aws-eusc'],
];

export function partitionOf(region: string): string {
  return partitions.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';
}

export function keyArn(region: string, accountId: string, keyId: string): string {
  return `arn:${partitionOf(region)}:kms:${region}:${accountId}:key/${keyId}`;
}

/** The text of a key that is not there; only for keys of the caller's own account. */
export function keyNotFound(region: string, name: KeyName): Error {
  const arn = keyArn(region, name.accountId, name.keyId);
  return kmsException('NotFoundException', `Key '${arn}' does not exist`);
}

/**
 * Reads a KeyId parameter. A bare id means the caller's own account.
 *
 * There are no aliases yet, so the forms that name one are understood and not found.
 * @throws NotFoundException
 */
export function parseKeyName(
  value: string,
  caller: { readonly region: string; readonly accountId: string },
  options: { readonly alias: boolean },
): KeyName {
  const { region, accountId } = caller;
  if (keyIdPattern.test(value)) return { accountId, keyId: value };
  if (value.startsWith('arn:')) return parseArn(value, caller, options);
  if (options.alias && value.startsWith('alias/')) throw aliasNotFound(region, accountId, value);
  throw kmsException('NotFoundException', `Invalid keyId '${value}'`);
}

function parseArn(
  arn: string,
  { region }: { readonly region: string },
  options: { readonly alias: boolean },
): KeyName {
  const [, partition, service, arnRegion, accountId = '', ...rest] = arn.split(':');
  const resource = rest.join(':');
  const isKms = partition === partitionOf(region) && service === 'kms';
  if (!isKms || !/^[0-9]{12}$/.test(accountId))
    throw kmsException('NotFoundException', `Invalid arn ${arn}`);
  if (arnRegion !== region) throw kmsException('NotFoundException', `Invalid arn ${arnRegion}`);
  if (options.alias && resource.startsWith('alias/'))
    throw aliasNotFound(region, accountId, resource);
  const keyId = resource.startsWith('key/') ? resource.slice(4) : undefined;
  if (keyId === undefined) throw kmsException('NotFoundException', `Invalid arn ${arn}`);
  if (!keyIdPattern.test(keyId))
    throw kmsException('NotFoundException', `Invalid keyId '${keyId}'`);
  return { accountId, keyId };
}

function aliasNotFound(region: string, accountId: string, alias: string): Error {
  const arn = `arn:${partitionOf(region)}:kms:${region}:${accountId}:${alias}`;
  return kmsException('NotFoundException', `Alias ${arn} is not found.`);
}
