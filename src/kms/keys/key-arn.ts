/**
 * Names of KMS keys and aliases: what a request's KeyId may hold, and their ARNs.
 * Source: AWS KMS API Reference, KeyId parameters; recorded error texts.
 */
import { isAccountId } from '../../access/principal.ts';
import { kmsException } from '../../api/exceptions.ts';

/** A key by account and bare id, in the serving Region. */
export interface KeyName {
  readonly accountId: string;
  readonly keyId: string;
}

/** An alias by account and name (with its prefix), in the serving Region. */
export interface AliasName {
  readonly accountId: string;
  readonly aliasName: string;
}

/** A lower-case UUID, or the multi-Region form. */
const keyIdPattern =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;

/** What every alias has that CreateAlias made. */
const aliasNamePattern = /^alias\/[a-zA-Z0-9/_-]{1,250}$/;

export function isKeyId(text: string): boolean {
  return keyIdPattern.test(text);
}

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

/** @param aliasName with its prefix */
export function aliasArn(region: string, accountId: string, aliasName: string): string {
  return `arn:${partitionOf(region)}:kms:${region}:${accountId}:${aliasName}`;
}

/** The text of a key that is not there; only for keys of the caller's own account. */
export function keyNotFound(region: string, name: KeyName): Error {
  const arn = keyArn(region, name.accountId, name.keyId);
  return kmsException('NotFoundException', `Key '${arn}' does not exist`);
}

/** The text of an alias that is not there, in any account. */
export function aliasNotFound(region: string, { accountId, aliasName }: AliasName): Error {
  const arn = aliasArn(region, accountId, aliasName);
  return kmsException('NotFoundException', `Alias ${arn} is not found.`);
}

/**
 * Reads a KeyId parameter. A bare id or alias name means the caller's own account.
 * @param options.alias the parameter may be an alias name or alias ARN
 * @throws NotFoundException for what names no key, and for an alias that no key can have
 */
export function parseKeyName(
  value: string,
  caller: { readonly region: string; readonly accountId: string },
  options: { readonly alias: boolean },
): KeyName | AliasName {
  const { region, accountId } = caller;
  if (isKeyId(value)) return { accountId, keyId: value };
  if (value.startsWith('arn:')) return parseArn(value, caller, options);
  if (options.alias && value.startsWith('alias/'))
    return possibleAlias(region, { accountId, aliasName: value });
  throw kmsException('NotFoundException', `Invalid keyId '${value}'`);
}

function parseArn(
  arn: string,
  { region }: { readonly region: string },
  options: { readonly alias: boolean },
): KeyName | AliasName {
  const [, partition, service, arnRegion, accountId = '', ...rest] = arn.split(':');
  const resource = rest.join(':');
  const isKms = partition === partitionOf(region) && service === 'kms';
  if (!isKms || !isAccountId(accountId))
    throw kmsException('NotFoundException', `Invalid arn ${arn}`);
  if (arnRegion !== region) throw kmsException('NotFoundException', `Invalid arn ${arnRegion}`);
  if (options.alias && resource.startsWith('alias/'))
    return possibleAlias(region, { accountId, aliasName: resource });
  const keyId = resource.startsWith('key/') ? resource.slice(4) : undefined;
  if (keyId === undefined) throw kmsException('NotFoundException', `Invalid arn ${arn}`);
  if (!isKeyId(keyId)) throw kmsException('NotFoundException', `Invalid keyId '${keyId}'`);
  return { accountId, keyId };
}

function possibleAlias(region: string, name: AliasName): AliasName {
  if (!aliasNamePattern.test(name.aliasName)) throw aliasNotFound(region, name);
  return name;
}
