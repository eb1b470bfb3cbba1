/**
 * `strongroom keys show`.
 */

import type { Output } from '../../api/operations.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { KmsClient, pages, type Wire } from '../kms-client.ts';
import { fields, print, printJson } from '../output.ts';
import { findTarget, TARGET_FLAGS, TARGET_HELP } from '../target.ts';
import { type KeyMetadata, listAliases, timeText, withTimes } from './key-views.ts';

export const keysShow: CommandLine = {
  help: `strongroom keys show KEY [FLAGS]: one KMS key
KEY is a KeyId, a key ARN, alias/NAME or an alias ARN.

${TARGET_HELP}\
  --public-key        the public key alone, as PEM (asymmetric keys)
  --json              JSON in AWS's names

Examples:
  strongroom keys show alias/app/main
  strongroom keys show alias/signer --public-key > signer.pem

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: { ...TARGET_FLAGS, 'public-key': { type: 'boolean' }, json: { type: 'boolean' } },
    });
    const [keyId] = positionals;
    if (keyId === undefined || positionals.length > 1)
      throw new UsageError('keys show takes one key: a KeyId, an ARN or alias/NAME');
    if (values['public-key'] && values.json)
      throw new UsageError('--public-key prints PEM: leave --json out');
    using client = new KmsClient(await findTarget(values));
    if (values['public-key']) {
      print(publicKeyPem((await client.call('GetPublicKey', { KeyId: keyId })).PublicKey ?? ''));
      return;
    }
    const view = await readKey(client, keyId);
    if (values.json) {
      const { key, aliases, tags } = view;
      printJson({ KeyMetadata: withTimes(key), Aliases: aliases, Tags: tags });
    } else print(keyFields(view));
  },
};

type Tag = NonNullable<Wire<Output<'ListResourceTags'>>['Tags']>[number];

export interface KeyView {
  readonly key: KeyMetadata;
  readonly aliases: readonly string[];
  readonly tags: readonly Tag[];
}

async function readKey(client: KmsClient, keyId: string): Promise<KeyView> {
  const { KeyMetadata: key } = await client.call('DescribeKey', { KeyId: keyId });
  if (key?.Arn === undefined) throw new CommandError('the server described no key');
  const aliases = await listAliases(client, key.Arn);
  return {
    key,
    aliases: aliases.flatMap(({ AliasName }) => AliasName ?? []),
    tags: await listTags(client, key.Arn),
  };
}

async function listTags(client: KmsClient, keyId: string): Promise<Tag[]> {
  const tags: Tag[] = [];
  const list = pages((place) => client.call('ListResourceTags', { KeyId: keyId, ...place }));
  for await (const page of list) tags.push(...(page.Tags ?? []));
  return tags;
}

/** For people: a line for each thing there is to say. */
export function keyFields({ key, aliases, tags }: KeyView): string {
  const algorithms = [key.EncryptionAlgorithms, key.SigningAlgorithms, key.MacAlgorithms];
  const lines: [string, string][] = [
    ['KeyId', key.KeyId ?? ''],
    ['Arn', key.Arn ?? ''],
    ['Description', key.Description ?? ''],
    ['KeyState', key.KeyState ?? ''],
    ['DeletionDate', timeText(key.DeletionDate)],
    ['KeySpec', key.KeySpec ?? ''],
    ['KeyUsage', key.KeyUsage ?? ''],
    ['Algorithms', algorithms.flatMap((names) => names ?? []).join(' ')],
    ['Origin', key.Origin ?? ''],
    ['CreationDate', timeText(key.CreationDate)],
    ['Aliases', aliases.join(' ')],
    ...tags.map(({ TagKey, TagValue }): [string, string] => ['Tag', `${TagKey}=${TagValue}`]),
  ];
  return fields(lines.filter(([, value]) => value !== ''));
}

function publicKeyPem(base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join('\n');
}
