/**
 * Which server a command asks, and as whom: the one on a data directory, or any KMS endpoint with the settings that AWS
 * SDKs and the AWS CLI know.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  CredentialsFileError,
  parseCredentialsFile,
  readAccessKey,
} from '../access/credentials-file.ts';
import type { AccessKey } from '../access/principal.ts';
import { errorText } from '../values/unknown.ts';
import { dataDirectoryPath } from './arguments.ts';
import { CommandError, UsageError } from './exit.ts';
import type { Target } from './kms-client.ts';
import { runningServer } from './running-server.ts';

export const TARGET_FLAGS = {
  'data-dir': { type: 'string' },
  'endpoint-url': { type: 'string' },
  region: { type: 'string' },
  'ca-bundle': { type: 'string' },
} as const;

export const TARGET_HELP = `\
  --data-dir DIR      ask the server that runs on this data directory, with its credentials
                                                                 (./strongroom-data)
  --endpoint-url URL  ask this server instead; credentials, Region and authority as for the AWS CLI:
                      AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or the profile
                      AWS_PROFILE of AWS_SHARED_CREDENTIALS_FILE; AWS_REGION; AWS_CA_BUNDLE.
                      AWS_ENDPOINT_URL_KMS and AWS_ENDPOINT_URL name it as well
  --region NAME       the Region to ask for                      (the server's first, AWS_REGION)
  --ca-bundle FILE    authorities to trust with HTTPS (PEM)      (the server's own, AWS_CA_BUNDLE)
`;

export interface TargetValues {
  readonly 'data-dir'?: string | undefined;
  readonly 'endpoint-url'?: string | undefined;
  readonly region?: string | undefined;
  readonly 'ca-bundle'?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CommandError, UsageError */
export async function findTarget(
  values: TargetValues,
  environment: Environment = process.env,
): Promise<Target> {
  const { 'data-dir': named, 'endpoint-url': flag } = values;
  const fromEnvironment = environment.AWS_ENDPOINT_URL_KMS || environment.AWS_ENDPOINT_URL;
  const endpoint = flag ?? (named === undefined ? fromEnvironment : undefined);
  if (endpoint === undefined) return targetOf(dataDirectoryPath(named), values, environment);
  const region = values.region ?? regionOf(environment);
  if (region === undefined)
    throw new UsageError(`which Region of ${endpoint}? --region or AWS_REGION names it`);
  return {
    endpoint: parseEndpoint(endpoint),
    region,
    ...(named === undefined
      ? credentialsOf(environment)
      : { accessKey: readKey(join(resolve(named), 'credentials')) }),
    trusted: readTrusted(values['ca-bundle'] ?? environment.AWS_CA_BUNDLE),
  };
}

async function targetOf(
  directory: string,
  { region, 'ca-bundle': bundle }: TargetValues,
  environment: Environment,
): Promise<Target> {
  const server = await runningServer(directory);
  if (server === undefined) {
    throw new CommandError(
      `no server runs on ${directory}; start one with strongroom serve, or name another with --data-dir or --endpoint-url`,
    );
  }
  const { credentialsFile, regions, caFile } = server;
  const usual = regionOf(environment);
  return {
    endpoint: new URL(server.endpoint),
    region: region ?? regions.find((each) => each === usual) ?? server.region,
    // Without a file it takes any: `strongroom serve --dev`.
    accessKey:
      credentialsFile === undefined
        ? { accessKeyId: 'AKIADEVELOPMENT', secretAccessKey: 'development' }
        : readKey(credentialsFile),
    trusted: readTrusted(bundle ?? caFile),
  };
}

function regionOf(environment: Environment): string | undefined {
  return environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined;
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(`--endpoint-url takes an http or https URL, not '${text}'`);
  return url;
}

function credentialsOf(environment: Environment): Pick<Target, 'accessKey' | 'sessionToken'> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (accessKeyId && secretAccessKey) {
    const sessionToken = environment.AWS_SESSION_TOKEN || undefined;
    return { accessKey: { accessKeyId, secretAccessKey }, sessionToken };
  }
  const file =
    environment.AWS_SHARED_CREDENTIALS_FILE ||
    join(environment.HOME || homedir(), '.aws', 'credentials');
  return { accessKey: readKey(file, environment.AWS_PROFILE || undefined) };
}

function readKey(file: string, profile?: string): AccessKey {
  try {
    if (profile === undefined) return readAccessKey(file);
    const key = parseCredentialsFile(readFileSync(file, 'utf8'), file).get(profile);
    if (key !== undefined) return key;
    throw new CredentialsFileError(`${file}: there is no profile ${profile} with an access key`);
  } catch (cause) {
    if (cause instanceof CredentialsFileError) throw new CommandError(cause.message);
    throw new CommandError(`no credentials: ${errorText(cause)}`, undefined, { cause });
  }
}

function readTrusted(file: string | undefined): string | undefined {
  if (!file) return undefined;
  try {
    return readFileSync(file, 'latin1');
  } catch (cause) {
    throw new CommandError(`the authorities cannot be read: ${errorText(cause)}`, undefined, {
      cause,
    });
  }
}
