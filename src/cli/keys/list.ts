/**
 * `strongroom keys list`.
 */
import { integer, parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { KmsCallError, KmsClient, pages } from '../kms-client.ts';
import { print, printJson, table } from '../output.ts';
import { withProgress } from '../progress.ts';
import { findTarget, TARGET_FLAGS, TARGET_HELP } from '../target.ts';
import { type Alias, type KeyMetadata, listAliases, timeText, withTimes } from './key-views.ts';

/** Keys described at a time. */
const BATCH = 8;

export const keysList: CommandLine = {
  help: `strongroom keys list [FLAGS]: the KMS keys of an account in a Region

${TARGET_HELP}\
  --limit N           at most so many                            (all)
  --json              JSON in AWS's names, in place of a table

Examples:
  strongroom keys list
  strongroom keys list --json | jq -r '.Keys[] | select(.KeyState == "Disabled") | .KeyId'

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: { ...TARGET_FLAGS, limit: { type: 'string' }, json: { type: 'boolean' } },
    });
    const limit =
      values.limit === undefined
        ? Number.POSITIVE_INFINITY
        : integer('--limit', values.limit, 1, 1e9);
    using client = new KmsClient(await findTarget(values));
    const { keys, aliases } = await withProgress('asking for keys', () => read(client, limit));
    if (values.json) {
      printJson({
        Keys: keys.map((key) => ({
          ...withTimes(key),
          Aliases: aliases.get(key.KeyId ?? '') ?? [],
        })),
      });
    } else print(keyTable(keys, aliases));
  },
};

interface Keys {
  readonly keys: readonly KeyMetadata[];
  /** Names by KeyId. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
}

async function read(client: KmsClient, limit: number): Promise<Keys> {
  const keyIds = await listKeyIds(client, limit);
  const keys: KeyMetadata[] = [];
  for (let at = 0; at < keyIds.length; at += BATCH) {
    const batch = keyIds.slice(at, at + BATCH).map((keyId) => describe(client, keyId));
    keys.push(...(await Promise.all(batch)).filter((key) => key !== undefined));
  }
  return { keys, aliases: namesByKey(keys.length === 0 ? [] : await listAliases(client)) };
}

async function listKeyIds(client: KmsClient, limit: number): Promise<string[]> {
  const keyIds: string[] = [];
  for await (const page of pages((place) => client.call('ListKeys', place))) {
    keyIds.push(...(page.Keys ?? []).flatMap(({ KeyId }) => KeyId ?? []));
    if (keyIds.length >= limit) break;
  }
  return keyIds.slice(0, Math.min(limit, keyIds.length));
}

/** @returns undefined for a key that went since it was listed */
async function describe(client: KmsClient, keyId: string): Promise<KeyMetadata | undefined> {
  try {
    return (await client.call('DescribeKey', { KeyId: keyId })).KeyMetadata;
  } catch (error) {
    if (error instanceof KmsCallError && error.exception === 'NotFoundException') return undefined;
    throw error;
  }
}

function namesByKey(aliases: readonly Alias[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { AliasName = '', TargetKeyId = '' } of aliases)
    names.set(TargetKeyId, [...(names.get(TargetKeyId) ?? []), AliasName]);
  return names;
}

/** For people: one line a key. */
export function keyTable(keys: Keys['keys'], aliases: Keys['aliases']): string {
  const titles = ['KEY ID', 'SPEC', 'USAGE', 'STATE', 'CREATED', 'ALIASES', 'DESCRIPTION'];
  const rows = keys.map((key) => [
    key.KeyId ?? '',
    key.KeySpec ?? '',
    key.KeyUsage ?? '',
    key.KeyState ?? '',
    timeText(key.CreationDate),
    (aliases.get(key.KeyId ?? '') ?? []).join(' '),
    key.Description ?? '',
  ]);
  return table(titles, rows);
}
