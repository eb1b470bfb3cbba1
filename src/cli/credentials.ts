/**
 * `strongroom credentials`: the access key of a data directory, in the form a program wants it in. The one command that
 * prints a secret.
 */
import { resolve } from 'node:path';
import {
  CredentialsFileError,
  formatCredentialsFile,
  type RootCredential,
  readRootCredential,
  writeCredentialsFile,
} from '../access/credentials-file.ts';
import { dataDirectory } from '../server/data-directory.ts';
import { errorText } from '../values/unknown.ts';
import { dataDirectoryPath, oneOf, parseCommandLine } from './arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from './command.ts';
import { CommandError, UsageError } from './exit.ts';
import { print, printJson, shellWord } from './output.ts';
import { runningServer, type ServerStatus } from './running-server.ts';

const FORMATS = ['env', 'json', 'file'] as const;

export const credentials: CommandLine = {
  help: `strongroom credentials [FLAGS]: prints the access key of a data directory, with its SECRET
Whoever reads the output can do everything with the keys of the account. No other command prints a secret.

  --data-dir DIR      the service's data directory               (./strongroom-data)
  --format FORMAT     env   lines for a shell; with endpoint, Region and authority if the server runs (env)
                      json  what AWS SDKs take from a credential_process; with the same
                      file  a profile of a shared-credentials file
  --profile NAME      with --format file: the profile's name     (default)
  --output FILE       with --format file: write it there (mode 0600), to a new file, and print nothing

Examples:
  eval "$(strongroom credentials)"
  aws kms list-keys --endpoint-url "$AWS_ENDPOINT_URL_KMS"
  strongroom credentials --format file --profile strongroom >> ~/.aws/credentials
  in ~/.aws/config:  credential_process = strongroom credentials --format json --data-dir /srv/strongroom

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: {
        'data-dir': { type: 'string' },
        format: { type: 'string' },
        profile: { type: 'string' },
        output: { type: 'string' },
      },
    });
    const format = oneOf('--format', FORMATS, values.format ?? 'env');
    const { profile, output } = values;
    if (format !== 'file' && (profile !== undefined || output !== undefined))
      throw new UsageError('--profile and --output go with --format file');
    if (profile !== undefined && !/^[\w.-]+$/.test(profile))
      throw new UsageError(`--profile takes letters, digits and ._-, not '${profile}'`);
    const directory = dataDirectoryPath(values['data-dir']);
    const credential = readCredential(directory);
    if (format === 'file') {
      if (output === undefined) print(formatCredentialsFile(credential, profile));
      else write(resolve(output), credential, profile);
      return;
    }
    const server = await runningServer(directory);
    if (format === 'env') print(environmentLines(credential, server));
    else printJson(processCredentials(credential, server));
  },
};

function readCredential(directory: string): RootCredential {
  try {
    return readRootCredential(dataDirectory(directory).credentials);
  } catch (cause) {
    if (cause instanceof CredentialsFileError) throw new CommandError(cause.message);
    throw new CommandError(`${directory} has no credentials: ${errorText(cause)}`, undefined, {
      cause,
    });
  }
}

function write(file: string, credential: RootCredential, profile: string | undefined): void {
  try {
    writeCredentialsFile(file, credential, credential.accountId, profile);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' ? 'it is there already, and is left as it is' : message;
    throw new CommandError(`${file} was not written: ${reason}`, undefined, { cause });
  }
}

type Place = Pick<ServerStatus, 'endpoint' | 'region' | 'caFile'>;

/** For `eval` in a POSIX shell. */
export function environmentLines(
  { accessKeyId, secretAccessKey }: RootCredential,
  server: Place | undefined,
): string {
  const variables = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(server !== undefined && {
      AWS_ENDPOINT_URL_KMS: server.endpoint,
      AWS_REGION: server.region,
      AWS_DEFAULT_REGION: server.region,
    }),
    ...(server?.caFile !== undefined && {
      AWS_CA_BUNDLE: server.caFile,
      NODE_EXTRA_CA_CERTS: server.caFile,
    }),
  };
  // A token of other credentials would go along with these.
  const lines = Object.entries(variables).map(
    ([name, value]) => `export ${name}=${shellWord(value)}\n`,
  );
  return `unset AWS_SESSION_TOKEN\n${lines.join('')}`;
}

/** Source: AWS SDKs and Tools Reference Guide, "Process credential provider"; readers pass over what they do not know. */
export function processCredentials(
  { accessKeyId, secretAccessKey, accountId }: RootCredential,
  server: Place | undefined,
): Record<string, unknown> {
  return {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    AccountId: accountId,
    ...(server !== undefined && { Endpoint: server.endpoint, Region: server.region }),
    ...(server?.caFile !== undefined && { CaFile: server.caFile }),
  };
}
