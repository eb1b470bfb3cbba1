/**
 * `strongroom serve`: its flags, their defaults and what is refused.
 */
import { resolve } from 'node:path';
import { isAccountId } from '../../access/principal.ts';
import { DURABILITIES, type Durability } from '../../server/durability.ts';
import type { DataOptions } from '../../server/foundation.ts';
import { DEFAULT_ACCOUNT_ID, DEFAULT_REGION, isRegionName } from '../../server/names.ts';
import { isInside, soPinFileDefault } from '../../server/so-pin.ts';
import { dataDirectoryPath, integer, parseCommandLine } from '../arguments.ts';
import { UsageError } from '../exit.ts';
import { TLS_FLAGS, TLS_HELP, type TlsOptions, tlsOptions } from './tls-options.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Undefined: ephemeral, in memory and gone at the end. */
  readonly data: DataOptions | undefined;
  /** At least one; the first is the default that printed lines use. */
  readonly regions: readonly string[];
  /** Undefined: the account there is, 000000000000 in a new place. */
  readonly accountId: string | undefined;
  /** The declarative file; undefined: there is none. */
  readonly config: string | undefined;
  /** Undefined: HTTP. */
  readonly tls: TlsOptions | undefined;
  /** HTTP threads. 1: the main thread serves. */
  readonly threads: number;
  /** Written when ready, with the credentials; gone at the end. */
  readonly readyFile: string | undefined;
  /** Any well-formed credentials are the root of account 000000000000. */
  readonly dev: boolean;
  /** Answers carry a Server-Timing header with the time per station. */
  readonly serverTiming: boolean;
}

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export const SERVE_HELP: string = `strongroom serve: start the key management service

  --data-dir DIR      where the service keeps everything        (./strongroom-data)
  --ephemeral         keep everything in memory instead, and lose it at the end
  --durability MODE   process-crash, or power-loss: then the audit records of cryptographic operations, too,
                      are on the disk before the answer         (process-crash)
  --host ADDRESS      address to listen on                      (127.0.0.1)
  --port N            port; 0 takes a free one                  (4599)
  --region NAME       a Region to serve; repeat for several     (us-east-1)
  --config FILE       accounts, users, roles, keys and policies: YAML or JSON, read again when it changes
  --account ID        account of the first root credential      (000000000000)
  --threads N         HTTP threads                              (1)
${TLS_HELP}  --ready-file FILE   when ready, write endpoint and credentials there as JSON; removed at the end
  --so-pin-file FILE  the security officer's PIN: written once at first boot (never over a file that is
                      there), read when a Region is added; outside the data directory (DIR.so-pin)
  --root-passphrase-file FILE
                      the passphrase of the device's root secret, if it has one; at first boot, to give it one
  --dev               accept any well-formed credentials as the root of account 000000000000;
                      loopback addresses only
  --server-timing     answers carry a Server-Timing header with the time per station

Examples:
  strongroom serve --data-dir /srv/strongroom --region eu-central-1
  strongroom serve --tls --tls-name kms.example.test --host 0.0.0.0
  strongroom serve --ephemeral --port 0 --ready-file ready.json

Ends in order on SIGTERM, SIGINT and strongroom stop.
Exit codes: 0 done, 1 failure with a message, 2 the command line is wrong, 3 the data directory is in use,
4 it is refused, 5 the port is taken.
`;

/** @throws UsageError naming the flag and what it takes. */
export function parseServeOptions(argv: readonly string[]): ServeOptions {
  const values = parse(argv);
  const dev = values.dev ?? false;
  const host = values.host ?? '127.0.0.1';
  if (host === '') throw new UsageError('--host takes an address or a host name');
  if (dev && !LOOPBACK_HOSTS.has(host)) {
    throw new UsageError(
      `--dev trusts every caller, so it listens on loopback only: not on '${host}'`,
    );
  }
  const accountId = values.account;
  if (accountId !== undefined && !isAccountId(accountId))
    throw new UsageError(`--account takes 12 digits, not '${accountId}'`);
  if (dev && accountId !== undefined && accountId !== DEFAULT_ACCOUNT_ID) {
    throw new UsageError(`--dev serves account ${DEFAULT_ACCOUNT_ID} only: leave --account out`);
  }
  const config = fileOption('--config', values.config);
  if (dev && config !== undefined)
    throw new UsageError('--dev checks no caller: leave --config or --dev out');
  const regions = values.region ?? [DEFAULT_REGION];
  for (const region of regions) {
    if (!isRegionName(region)) {
      throw new UsageError(`--region takes a Region such as us-east-1, not '${region}'`);
    }
  }
  return {
    host,
    port: integer('--port', values.port ?? '4599', 0, 65535),
    data: dataOptions(values),
    regions: [...new Set(regions)],
    accountId,
    config,
    tls: tlsOptions(values),
    threads: integer('--threads', values.threads ?? '1', 1, 64),
    readyFile: fileOption('--ready-file', values['ready-file']),
    dev,
    serverTiming: values['server-timing'] ?? false,
  };
}

function dataOptions(values: ReturnType<typeof parse>): DataOptions | undefined {
  const { 'data-dir': named, 'so-pin-file': pinFile, durability } = values;
  const rootPassphraseFile = fileOption('--root-passphrase-file', values['root-passphrase-file']);
  if (values.ephemeral) {
    if ((named ?? pinFile ?? durability ?? rootPassphraseFile) !== undefined)
      throw new UsageError(
        '--ephemeral keeps nothing: leave --data-dir, --so-pin-file, --root-passphrase-file and --durability out',
      );
    return undefined;
  }
  if (durability !== undefined && !isDurability(durability))
    throw new UsageError(`--durability takes ${DURABILITIES.join(' or ')}, not '${durability}'`);
  if (named === '') throw new UsageError('--data-dir takes a directory');
  const directory = dataDirectoryPath(named);
  const soPinFile = resolve(pinFile ?? soPinFileDefault(directory));
  if (isInside(directory, soPinFile)) {
    throw new UsageError(
      '--so-pin-file has to be outside the data directory: the service does not keep that PIN',
    );
  }
  return { directory, soPinFile, durability, rootPassphraseFile };
}

const isDurability = (text: string): text is Durability =>
  (DURABILITIES as readonly string[]).includes(text);

function parse(argv: readonly string[]): {
  'data-dir'?: string;
  ephemeral?: boolean;
  durability?: string;
  host?: string;
  port?: string;
  region?: string[];
  account?: string;
  config?: string;
  tls?: boolean;
  'tls-name'?: string[];
  'tls-cert'?: string;
  'tls-key'?: string;
  threads?: string;
  'ready-file'?: string;
  'so-pin-file'?: string;
  'root-passphrase-file'?: string;
  dev?: boolean;
  'server-timing'?: boolean;
} {
  return parseCommandLine(argv, {
    options: {
      'data-dir': { type: 'string' },
      ephemeral: { type: 'boolean' },
      durability: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      region: { type: 'string', multiple: true },
      account: { type: 'string' },
      config: { type: 'string' },
      ...TLS_FLAGS,
      threads: { type: 'string' },
      'ready-file': { type: 'string' },
      'so-pin-file': { type: 'string' },
      'root-passphrase-file': { type: 'string' },
      dev: { type: 'boolean' },
      'server-timing': { type: 'boolean' },
    },
  }).values;
}

function fileOption(flag: string, value: string | undefined): string | undefined {
  if (value === '') throw new UsageError(`${flag} takes a file`);
  return value === undefined ? undefined : resolve(value);
}
