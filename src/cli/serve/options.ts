/**
 * `strongroom serve`: its flags, their defaults and what is refused.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../exit.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly dataDirectory: string;
  /** At least one; the first is the default that printed lines use. */
  readonly regions: readonly string[];
  /** Undefined: the account the data directory has, 000000000000 in a new one. */
  readonly accountId: string | undefined;
  /** HTTP threads. 1: the main thread serves. */
  readonly threads: number;
  /** Written when ready, same text as the ready line. */
  readonly readyFile: string | undefined;
  /** Where the security officer's PIN is handed to the operator at first boot, and read when a Region is added. */
  readonly soPinFile: string;
  /** Any well-formed credentials are the root of account 000000000000. */
  readonly dev: boolean;
  /** Answers carry a Server-Timing header with the time per station. */
  readonly serverTiming: boolean;
}

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
export const DEV_ACCOUNT_ID = '000000000000';

export const SERVE_HELP: string = `strongroom serve: start the key management service

  --data-dir DIR      where the service keeps everything        (./strongroom-data)
  --host ADDRESS      address to listen on                      (127.0.0.1)
  --port N            port; 0 takes a free one                  (4599)
  --region NAME       a Region to serve; repeat for several     (us-east-1)
  --account ID        account of the first root credential      (000000000000)
  --threads N         HTTP threads                              (1)
  --ready-file FILE   write the ready line there too
  --so-pin-file FILE  the security officer's PIN: written once at first boot, read when a Region is added;
                      outside the data directory                (DIR.so-pin)
  --dev               accept any well-formed credentials as the root of account 000000000000;
                      loopback addresses only
  --server-timing     answers carry a Server-Timing header with the time per station
`;

/** @throws UsageError naming the flag and what it takes. */
export function parseServeOptions(argv: readonly string[]): ServeOptions {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const dev = values.dev ?? false;
  const host = values.host ?? '127.0.0.1';
  if (host === '') throw new UsageError('--host takes an address or a host name');
  if (dev && !LOOPBACK_HOSTS.has(host)) {
    throw new UsageError(
      `--dev trusts every caller, so it listens on loopback only: not on '${host}'`,
    );
  }
  const accountId = values.account;
  if (accountId !== undefined && !/^\d{12}$/.test(accountId))
    throw new UsageError(`--account takes 12 digits, not '${accountId}'`);
  if (dev && accountId !== undefined && accountId !== DEV_ACCOUNT_ID) {
    throw new UsageError(`--dev serves account ${DEV_ACCOUNT_ID} only: leave --account out`);
  }
  const regions = values.region ?? ['us-east-1'];
  for (const region of regions) {
    if (!/^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/.test(region)) {
      throw new UsageError(`--region takes a Region such as us-east-1, not '${region}'`);
    }
  }
  if (values['data-dir'] === '') throw new UsageError('--data-dir takes a directory');
  const dataDirectory = resolve(values['data-dir'] ?? 'strongroom-data');
  const soPinFile = resolve(values['so-pin-file'] ?? `${dataDirectory}.so-pin`);
  if (soPinFile.startsWith(`${dataDirectory}/`)) {
    throw new UsageError(
      '--so-pin-file has to be outside the data directory: the service does not keep that PIN',
    );
  }
  return {
    host,
    port: integer('--port', values.port ?? '4599', 0, 65535),
    dataDirectory,
    regions: [...new Set(regions)],
    accountId,
    threads: integer('--threads', values.threads ?? '1', 1, 64),
    readyFile: values['ready-file'] === undefined ? undefined : resolve(values['ready-file']),
    soPinFile,
    dev,
    serverTiming: values['server-timing'] ?? false,
  };
}

function parse(argv: readonly string[]): {
  'data-dir'?: string;
  host?: string;
  port?: string;
  region?: string[];
  account?: string;
  threads?: string;
  'ready-file'?: string;
  'so-pin-file'?: string;
  dev?: boolean;
  'server-timing'?: boolean;
} {
  return parseArgs({
    args: [...argv],
    strict: true,
    options: {
      'data-dir': { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      region: { type: 'string', multiple: true },
      account: { type: 'string' },
      threads: { type: 'string' },
      'ready-file': { type: 'string' },
      'so-pin-file': { type: 'string' },
      dev: { type: 'boolean' },
      'server-timing': { type: 'boolean' },
    },
  }).values;
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not '${text}'`);
  }
  return value;
}
