/** Requests of each operation that would succeed with a key that they are for. */

import {
  accountId,
  arnOf,
  base64,
  otherAccountId,
  otherRegion,
  region,
  unknownKeyId,
} from '../support/kms-harness.ts';
import { type Accepts, type IdForm, idLengthMax, type Slot, specFacts } from './expectations.ts';
import { aliasArnOf, message, newAlias, type TestKey, type World } from './world.ts';

/** What stands in the member, and what texts say of it. */
interface Id {
  /** Undefined: the member is absent. */
  readonly value: string | undefined;
  /** In the caller's account and Region. */
  readonly nameArn?: string;
  readonly region?: string;
}

const unknownAlias = 'alias/nobody';
const unknownMrk = `mrk-${'0123456789abcdef'.repeat(2)}`;

const ids: Readonly<Record<IdForm, (key: TestKey, world: World, accepts: Accepts) => Id>> = {
  'key id': ({ keyId }) => ({ value: keyId }),
  'key ARN': ({ arn }) => ({ value: arn }),
  'alias name': ({ aliasName }) => ({ value: aliasName }),
  'alias ARN': ({ aliasName }) => ({ value: aliasArnOf(aliasName) }),
  absent: () => ({ value: undefined }),
  empty: () => ({ value: '' }),
  'too long': (_key, _world, accepts) => ({
    value: 'alias/'.padEnd(idLengthMax(accepts) + 1, 'a'),
  }),
  'unknown key id': () => ({ value: unknownKeyId, nameArn: arnOf(unknownKeyId) }),
  'unknown multi-Region key id': () => ({ value: unknownMrk, nameArn: arnOf(unknownMrk) }),
  'ARN of an unknown key': () => ({ value: arnOf(unknownKeyId), nameArn: arnOf(unknownKeyId) }),
  word: () => ({ value: 'fake-key-id' }),
  'key id without dashes': ({ keyId }) => ({ value: keyId.replaceAll('-', '') }),
  'malformed multi-Region key id': () => ({ value: 'mrk-fake-key-id' }),
  'key id of another Region': (_key, { elsewhere: { keyId } }) => ({
    value: keyId,
    nameArn: arnOf(keyId),
  }),
  'key ARN of another Region': ({ keyId }) => ({
    value: arnOf(keyId, accountId, otherRegion),
    region: otherRegion,
  }),
  'key id of another account': (_key, { theirs: { keyId } }) => ({
    value: keyId,
    nameArn: arnOf(keyId),
  }),
  'key ARN of another account': (_key, { theirs }) => ({ value: theirs.arn }),
  'ARN of an unknown key of another account': () => ({
    value: arnOf(unknownKeyId, otherAccountId),
  }),
  'unknown alias name': () => ({ value: unknownAlias, nameArn: aliasArnOf(unknownAlias) }),
  'ARN of an unknown alias': () => ({
    value: aliasArnOf(unknownAlias),
    nameArn: aliasArnOf(unknownAlias),
  }),
  'alias ARN of another Region': (_key, { elsewhere }) => ({
    value: aliasArnOf(elsewhere.aliasName, accountId, otherRegion),
    region: otherRegion,
  }),
  'alias ARN of another account': (_key, { theirs }) => ({
    value: aliasArnOf(theirs.aliasName, otherAccountId),
  }),
  'alias name of another account': (_key, { theirs: { aliasName } }) => ({
    value: aliasName,
    nameArn: aliasArnOf(aliasName),
  }),
  'alias name in other letters': ({ aliasName }) => {
    const value = `alias/${aliasName.slice('alias/'.length).toLowerCase()}`;
    return { value, nameArn: aliasArnOf(value) };
  },
  'unknown reserved alias name': () => ({
    value: 'alias/aws/no-such-service',
    nameArn: aliasArnOf('alias/aws/no-such-service'),
  }),
  'ARN of another service': ({ keyId }) => ({
    value: `arn:aws:s3:${region}:${accountId}:key/${keyId}`,
  }),
  'key ARN of another partition': ({ keyId }) => ({
    value: `arn:aws-cn:kms:${region}:${accountId}:key/${keyId}`,
  }),
  'ARN of a grant': ({ keyId }) => ({
    value: `arn:aws:kms:${region}:${accountId}:grant/${keyId}`,
  }),
  'alias name with a blank': () => ({ value: 'alias/a b', nameArn: aliasArnOf('alias/a b') }),
};

export const idOf = (form: IdForm, key: TestKey, world: World, { accepts }: Slot): Id =>
  ids[form](key, world, accepts);

/** The algorithm of a request: one of the key's, or one that is not, where the key has none of the kind. */
export function algorithmOf({ usage }: Slot, key: TestKey): string | undefined {
  const own = key.usage === usage ? specFacts(key.spec).algorithms[usage]?.at(-1) : undefined;
  if (own !== undefined || usage === undefined) return own;
  const any: Readonly<Record<string, string>> = {
    SIGN_VERIFY: 'ECDSA_SHA_256',
    GENERATE_VERIFY_MAC: 'HMAC_SHA_256',
  };
  return any[usage];
}

/** Members that name the algorithm, where a slot has one. */
const algorithmMembers: Readonly<Record<string, string>> = {
  'Encrypt.KeyId': 'EncryptionAlgorithm',
  'Decrypt.KeyId': 'EncryptionAlgorithm',
  'ReEncrypt.SourceKeyId': 'SourceEncryptionAlgorithm',
  'ReEncrypt.DestinationKeyId': 'DestinationEncryptionAlgorithm',
  'Sign.KeyId': 'SigningAlgorithm',
  'Verify.KeyId': 'SigningAlgorithm',
  'GenerateMac.KeyId': 'MacAlgorithm',
  'VerifyMac.KeyId': 'MacAlgorithm',
};
const nameOf = ({ operation, member }: Slot): string => `${operation}.${member}`;
export const takesAlgorithm = (slot: Slot): boolean => nameOf(slot) in algorithmMembers;

/** The slot's key is the one that the request's ciphertext names, if that names one. */
export const takesCiphertext = (slot: Slot): boolean =>
  ['Decrypt.KeyId', 'ReEncrypt.SourceKeyId'].includes(nameOf(slot));

/** The ciphertext of a request names a key, and not the one that the request names. */
export const isOthersBlob = (key: TestKey, algorithm = 'SYMMETRIC_DEFAULT'): boolean =>
  algorithm === 'SYMMETRIC_DEFAULT' && key.spec !== 'SYMMETRIC_DEFAULT';

const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${accountId}:root` },
      Action: 'kms:*',
      Resource: '*',
    },
  ],
});

type Others = (key: TestKey, world: World, made: string) => object;
const nothing: Others = () => ({});
const dataKey: Others = () => ({ KeySpec: 'AES_256' });
const pair: Others = () => ({ KeyPairSpec: 'ECC_NIST_P256' });

/** The other members of requests. `made`: a ciphertext, signature or MAC to go with the algorithm. */
const others: Readonly<Record<string, Others>> = {
  'CancelKeyDeletion.KeyId': nothing,
  'CreateAlias.TargetKeyId': () => ({ AliasName: newAlias }),
  'Decrypt.KeyId': (_key, _world, made) => ({ CiphertextBlob: made }),
  'DeleteAlias.AliasName': nothing,
  'DescribeKey.KeyId': nothing,
  'DisableKey.KeyId': nothing,
  'EnableKey.KeyId': nothing,
  'Encrypt.KeyId': () => ({ Plaintext: message }),
  'GenerateDataKey.KeyId': dataKey,
  'GenerateDataKeyPair.KeyId': pair,
  'GenerateDataKeyPairWithoutPlaintext.KeyId': pair,
  'GenerateDataKeyWithoutPlaintext.KeyId': dataKey,
  'GenerateMac.KeyId': () => ({ Message: message }),
  'GetKeyPolicy.KeyId': nothing,
  'GetPublicKey.KeyId': nothing,
  'ListAliases.KeyId': nothing,
  'ListKeyPolicies.KeyId': nothing,
  'ListResourceTags.KeyId': nothing,
  'PutKeyPolicy.KeyId': () => ({ Policy: policy }),
  'ReEncrypt.SourceKeyId': (_key, world, made) => ({
    CiphertextBlob: made,
    DestinationKeyId: world.peerOf({ spec: 'SYMMETRIC_DEFAULT', usage: 'ENCRYPT_DECRYPT' }).arn,
  }),
  'ReEncrypt.DestinationKeyId': (_key, world) => ({ CiphertextBlob: world.otherBlob }),
  'ScheduleKeyDeletion.KeyId': nothing,
  'Sign.KeyId': () => ({ Message: message }),
  'TagResource.KeyId': () => ({ Tags: [{ TagKey: 'a', TagValue: 'b' }] }),
  'UntagResource.KeyId': () => ({ TagKeys: ['a'] }),
  'UpdateAlias.TargetKeyId': (key, world) => ({ AliasName: world.peerOf(key).aliasName }),
  'UpdateAlias.AliasName': (key, world) => ({ TargetKeyId: world.peerOf(key).keyId }),
  'UpdateKeyDescription.KeyId': () => ({ Description: 'described' }),
  'Verify.KeyId': (_key, _world, made) => ({ Message: message, Signature: made }),
  'VerifyMac.KeyId': (_key, _world, made) => ({ Message: message, Mac: made }),
};

/** Members beside the one that names the key. */
export function membersBeside(
  slot: Slot,
  key: TestKey,
  world: World,
  algorithm: string | undefined,
): object {
  const form = others[nameOf(slot)];
  if (form === undefined) throw new Error(`no request of ${nameOf(slot)}`);
  const member = algorithmMembers[nameOf(slot)];
  const isOwn = algorithm !== undefined && key.made.has(algorithm);
  const made =
    (isOwn && key.usage === slot.usage && key.made.get(algorithm)) || fallback(slot, world);
  return { ...form(key, world, made), ...(member && { [member]: algorithm }) };
}

/** What goes with an algorithm that is none of the key's. */
const fallback = (slot: Slot, world: World): string =>
  takesCiphertext(slot) ? world.otherBlob : base64('no signature and no MAC');
