/**
 * `strongroom keys alias`.
 */
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { KmsCallError, KmsClient } from '../kms-client.ts';
import { print, printJson, table } from '../output.ts';
import { findTarget, TARGET_FLAGS, TARGET_HELP } from '../target.ts';
import { type Alias, aliasName, listAliases, timeText, withTimes } from './key-views.ts';

export const keysAlias: CommandLine = {
  help: `strongroom keys alias [NAME [KEY]] [FLAGS]: lists aliases, makes, moves or deletes one
NAME may leave alias/ out. KEY is a KeyId or a key ARN.

  --move              let an alias that there is point to KEY from now on
  --delete            delete alias NAME; its key stays
${TARGET_HELP}\
  --json              the list as JSON in AWS's names

Examples:
  strongroom keys alias
  strongroom keys alias app/main 1234abcd-12ab-34cd-56ef-1234567890ab
  strongroom keys alias app/main 0987dcba-09fe-87dc-65ba-ab0987654321 --move
  strongroom keys alias app/main --delete

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: {
        ...TARGET_FLAGS,
        move: { type: 'boolean' },
        delete: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
    const change = aliasChange(positionals, values);
    using client = new KmsClient(await findTarget(values));
    if (change !== undefined) await apply(client, change);
    else {
      const aliases = await listAliases(client);
      if (values.json) printJson({ Aliases: aliases.map(withTimes) });
      else print(aliasTable(aliases));
    }
  },
};

type AliasChange =
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'create' | 'move'; readonly name: string; readonly keyId: string };

/** @returns undefined: the list is asked for. @throws UsageError */
export function aliasChange(
  positionals: readonly string[],
  flags: { readonly move?: boolean; readonly delete?: boolean; readonly json?: boolean },
): AliasChange | undefined {
  const [text, keyId, extra] = positionals;
  if (extra !== undefined) throw new UsageError('keys alias takes a name and a key');
  if (text === undefined) {
    if (flags.move || flags.delete) throw new UsageError('which alias? keys alias NAME');
    return undefined;
  }
  if (flags.json) throw new UsageError('--json is for the list of aliases: it goes without a name');
  const name = aliasName(text);
  if (flags.delete) {
    if (keyId !== undefined || flags.move)
      throw new UsageError('--delete takes the alias alone: keys alias NAME --delete');
    return { kind: 'delete', name };
  }
  if (keyId === undefined)
    throw new UsageError(`which key is ${name} to point to? keys alias NAME KEY`);
  return { kind: flags.move ? 'move' : 'create', name, keyId };
}

async function apply(client: KmsClient, change: AliasChange): Promise<void> {
  const { name } = change;
  if (change.kind === 'delete') await client.call('DeleteAlias', { AliasName: name });
  else if (change.kind === 'move')
    await client.call('UpdateAlias', { AliasName: name, TargetKeyId: change.keyId });
  else {
    try {
      await client.call('CreateAlias', { AliasName: name, TargetKeyId: change.keyId });
    } catch (error) {
      if (!(error instanceof KmsCallError) || error.exception !== 'AlreadyExistsException')
        throw error;
      throw new CommandError(`${error.message}; --move lets it point to the other key`);
    }
  }
}

/** For people: one line an alias. */
export function aliasTable(aliases: readonly Alias[]): string {
  const rows = aliases.map((alias) => [
    alias.AliasName ?? '',
    alias.TargetKeyId ?? '',
    timeText(alias.LastUpdatedDate),
  ]);
  return table(['ALIAS', 'KEY ID', 'UPDATED'], rows);
}
