/**
 * ListKeys: ids and ARNs of the account's keys in the Region, in order of their ids, in pages.
 * Source: AWS KMS API Reference, ListKeys.
 * Errors beyond the shared ones: InvalidMarkerException.
 */
import { crc32 } from 'node:zlib';
import { kmsException } from '../../api/exceptions.ts';
import { defineOperation, type Operation } from '../operation.ts';

const limitDefault = 100;

export const listKeys: Operation<'ListKeys'> = defineOperation({
  name: 'ListKeys',
  action: 'kms:ListKeys',
  audit: { readOnly: true, parameters: ['Limit', 'Marker'], never: [] },
  prepare: ({ Limit: limit = limitDefault, Marker: marker }) => ({ limit, marker }),
  async run({ prepared: { limit, marker }, keys, accountId, region }) {
    const scope = `${region}/${accountId}`;
    const after = marker === undefined ? undefined : readMarker(marker, scope);
    // One more than asked for tells whether there is a next page.
    const page = await keys.list(accountId, { after, limit: limit + 1 });
    const shown = page.slice(0, limit);
    const last = shown.at(-1);
    const isTruncated = page.length > limit && last !== undefined;
    return {
      Keys: shown.map(({ keyId, arn }) => ({ KeyId: keyId, KeyArn: arn })),
      ...(isTruncated && { NextMarker: writeMarker(last.keyId, scope) }),
      Truncated: isTruncated,
    };
  },
});

// A marker says nothing that its owner does not know, so it is not secret. The checksum is there to answer a
// mistyped or a foreign one with an error instead of with a wrong page.
function writeMarker(keyId: string, scope: string): string {
  return Buffer.from(`1 ${checksum(keyId, scope)} ${keyId}`).toString('base64url');
}

function readMarker(marker: string, scope: string): string {
  const [version, sum, keyId, ...rest] = Buffer.from(marker, 'base64url').toString().split(' ');
  const isOurs = version === '1' && keyId !== undefined && rest.length === 0;
  if (!isOurs || sum !== checksum(keyId, scope) || marker !== writeMarker(keyId, scope))
    throw kmsException('InvalidMarkerException');
  return keyId;
}

function checksum(keyId: string, scope: string): string {
  return crc32(`ListKeys ${scope} ${keyId}`).toString(16).padStart(8, '0');
}
