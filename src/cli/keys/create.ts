/**
 * `strongroom keys create`.
 */

import type { KeySpec, KeyUsageType } from '@aws-sdk/client-kms';
import { keySpecs } from '../../api/key-specs.ts';
import type { Input } from '../../api/operations.ts';
import { oneOf, parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { KmsCallError, KmsClient } from '../kms-client.ts';
import { print, printJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { findTarget, TARGET_FLAGS, TARGET_HELP } from '../target.ts';
import { aliasName, withTimes } from './key-views.ts';

const SPECS = Object.values(keySpecs).filter(({ built }) => built);
const USAGES = ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC'] as const;

export const keysCreate: CommandLine = {
  help: `strongroom keys create [FLAGS]: makes a KMS key and prints its KeyId

  --spec SPEC         ${SPECS.map(({ keySpec }) => keySpec)
    .join(' ')
    .replace(/(.{60,70}) /g, '$1\n                      ')}
                                                                 (SYMMETRIC_DEFAULT)
  --usage USAGE       ${USAGES.join(' ')}
                      (where a spec has one only, that one)
  --description TEXT
  --alias NAME        an alias for it; alias/ may be left out
  --tag KEY=VALUE     a tag; repeatable
${TARGET_HELP}\
  --json              its metadata as JSON in AWS's names

Examples:
  strongroom keys create --alias app/main --description "of the app"
  KEY=$(strongroom keys create --spec RSA_4096 --usage SIGN_VERIFY --tag team=web)

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: {
        ...TARGET_FLAGS,
        spec: { type: 'string' },
        usage: { type: 'string' },
        description: { type: 'string' },
        alias: { type: 'string' },
        tag: { type: 'string', multiple: true },
        json: { type: 'boolean' },
      },
    });
    if (positionals.length > 0)
      throw new UsageError(`keys create takes flags only, not '${positionals[0]}'`);
    const request = createRequest(values);
    const alias = values.alias === undefined ? undefined : aliasName(values.alias);
    using client = new KmsClient(await findTarget(values));
    if (alias !== undefined) await refuseTakenAlias(client, alias);
    const { KeyMetadata: key } = await withProgress(
      `making a key (${request.KeySpec ?? 'SYMMETRIC_DEFAULT'})`,
      () => client.call('CreateKey', request),
    );
    if (key?.KeyId === undefined) throw new CommandError('the server made no key');
    if (alias !== undefined) await nameKey(client, key.KeyId, alias);
    if (values.json) {
      printJson({
        KeyMetadata: withTimes(key),
        Aliases: alias === undefined ? [] : [alias],
      });
    } else print(`${key.KeyId}\n`);
  },
};

export interface CreateValues {
  readonly spec?: string | undefined;
  readonly usage?: string | undefined;
  readonly description?: string | undefined;
  readonly tag?: readonly string[] | undefined;
}

/** @throws UsageError */
export function createRequest({ spec, usage, description, tag }: CreateValues): Input<'CreateKey'> {
  const specs = SPECS.map(({ keySpec }) => keySpec);
  const keySpec = spec === undefined ? undefined : oneOf('--spec', specs, spec);
  const keyUsage = usage === undefined ? onlyUsage(keySpec) : oneOf('--usage', USAGES, usage);
  return {
    ...(keySpec !== undefined && { KeySpec: keySpec }),
    ...(keyUsage !== undefined && { KeyUsage: keyUsage }),
    ...(description !== undefined && { Description: description }),
    ...(tag !== undefined && { Tags: tag.map(parseTag) }),
  };
}

/** AWS wants the usage said even where there is one only. */
function onlyUsage(spec: KeySpec | undefined): KeyUsageType | undefined {
  const row = SPECS.find(({ keySpec }) => keySpec === spec);
  const possible = USAGES.filter((usage) => row?.algorithms[usage] !== undefined);
  return possible.length === 1 ? possible[0] : undefined;
}

function parseTag(text: string): { TagKey: string; TagValue: string } {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--tag takes KEY=VALUE, not '${text}'`);
  return { TagKey: text.slice(0, equals), TagValue: text.slice(equals + 1) };
}

/** Before there is a key without the name that was asked for. */
async function refuseTakenAlias(client: KmsClient, alias: string): Promise<void> {
  try {
    const { KeyMetadata: key } = await client.call('DescribeKey', { KeyId: alias });
    throw new CommandError(`${alias} is an alias of key ${key?.KeyId} already; no key was made`);
  } catch (error) {
    if (!(error instanceof KmsCallError) || error.exception !== 'NotFoundException') throw error;
  }
}

async function nameKey(client: KmsClient, keyId: string, alias: string): Promise<void> {
  try {
    await client.call('CreateAlias', { AliasName: alias, TargetKeyId: keyId });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(`key ${keyId} was made, but not its alias: ${error.message}`);
  }
}
