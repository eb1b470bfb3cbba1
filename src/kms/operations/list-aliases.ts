/**
 * ListAliases: the account's aliases in the Region, or those of one KMS key, in order of their names, in pages.
 * Source: AWS KMS API Reference, ListAliases.
 * Errors beyond the shared ones: InvalidMarkerException. There are no keys of AWS's own here, so no aliases
 * of theirs (`alias/aws/...`) are listed.
 */
import type { KmsAlias } from '../keys/alias-record.ts';
import type { AliasRepository } from '../keys/alias-repository.ts';
import { aliasArn } from '../keys/key-arn.ts';
import type { KmsKey } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { pageOf, paginate } from '../pagination.ts';

const placeOf = ({ aliasName }: KmsAlias): string => aliasName;

export const listAliases: Operation<'ListAliases'> = defineOperation({
  name: 'ListAliases',
  key: { alias: false, optional: true },
  action: 'kms:ListAliases',
  audit: { readOnly: true, parameters: ['KeyId', 'Limit', 'Marker'], never: [] },
  prepare: () => undefined,
  async run({ input, key, aliases, accountId, region }) {
    const { items, ...rest } = await paginate(input, {
      scope: ['ListAliases', region, accountId, key?.keyId ?? ''],
      limitDefault: 50,
      limitMax: 100,
      list: async (page) =>
        key === undefined
          ? aliases.list(accountId, page)
          : pageOf(await aliasesOf(key, aliases), placeOf, page),
      placeOf,
    });
    return {
      Aliases: items.map(({ aliasName, targetKeyId, createdAtMs, updatedAtMs }) => ({
        AliasName: aliasName,
        AliasArn: aliasArn(region, accountId, aliasName),
        TargetKeyId: targetKeyId,
        CreationDate: new Date(createdAtMs),
        LastUpdatedDate: new Date(updatedAtMs),
      })),
      ...rest,
    };
  },
});

/** All of them: they are few. One that was deleted or moved since the key was read is not the key's any more. */
async function aliasesOf(key: KmsKey, aliases: AliasRepository): Promise<readonly KmsAlias[]> {
  const found = await Promise.all(key.aliases.map((name) => aliases.find(key.accountId, name)));
  return found.flatMap((alias) => (alias?.targetKeyId === key.keyId ? [alias] : []));
}
