/**
 * The declarative file of a running service: read at the start, again when it changes and when told to. A file that is
 * broken then changes nothing: what was before stays in force, and the reason is said.
 */
import { existsSync, readFileSync, type Stats, unwatchFile, watchFile } from 'node:fs';
import {
  generateAccessKey,
  parseCredentialsFile,
  type RootCredential,
  replaceProfiles,
} from '../access/credentials-file.ts';
import type { Directory } from '../access/directory.ts';
import type { AccessKey } from '../access/principal.ts';
import { ConfigDirectory, generatedKeys } from '../config/config-directory.ts';
import type { ConfigDocument } from '../config/document.ts';
import { readConfig } from '../config/read-config.ts';
import { errorText } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

/** What threads are told; survives structured cloning. */
export interface Identities {
  readonly config: ConfigDocument;
  /** Access keys that were made for it, by profile. */
  readonly generated: ReadonlyMap<string, AccessKey>;
}

export function identityDirectory({ config, generated }: Identities): Directory {
  return new ConfigDirectory(config, generated);
}

/** How often a file is looked at, ms: also where the system does not tell of changes. */
const watchMs = 500;

/** `file:line:column: message`, a line each. */
export function problemLines(
  file: string,
  problems: readonly { readonly line: number; readonly column: number; readonly message: string }[],
): string {
  return problems
    .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`)
    .join('\n');
}

/** @throws StartError with all problems, a line each */
function readIdentities(file: string, accessKeysFile: string | undefined): Identities {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new StartError(`${file} cannot be read: ${errorText(cause)}`, 'FAILED', { cause });
  }
  const { config, problems } = readConfig(text);
  if (config === undefined) throw new StartError(problemLines(file, problems), 'FAILED');
  return { config, generated: makeKeys(config, file, accessKeysFile) };
}

/** Makes the access keys that are not there yet; what is there stays as it is. */
function makeKeys(
  config: ConfigDocument,
  file: string,
  accessKeysFile: string | undefined,
): ReadonlyMap<string, AccessKey> {
  const wanted = generatedKeys(config);
  if (wanted.length === 0) return new Map();
  if (accessKeysFile === undefined) {
    throw new StartError(
      `${file}: with --ephemeral nothing is written, so every access key has to have an id and a secret`,
      'FAILED',
    );
  }
  const kept = new Map<string, RootCredential>();
  if (existsSync(accessKeysFile)) {
    const profiles = parseCredentialsFile(readFileSync(accessKeysFile, 'utf8'), accessKeysFile);
    for (const [profile, { accountId = '', ...key }] of profiles)
      kept.set(profile, { ...key, accountId });
  }
  let isChanged = false;
  for (const { profile, accountId } of wanted) {
    if (kept.get(profile)?.accountId === accountId) continue;
    kept.set(profile, { ...generateAccessKey(), accountId });
    isChanged = true;
  }
  if (isChanged) replaceProfiles(accessKeysFile, kept);
  return new Map(wanted.map(({ profile }) => [profile, kept.get(profile)!]));
}

export interface Followers {
  /** Resolves when all threads go by it. */
  apply(identities: Identities): Promise<void>;
  onTaken(summary: string): void;
  onRefused(reason: string): void;
}

/** What a reload answers. */
export interface Reloaded {
  readonly file: string;
  readonly accounts: number;
  readonly users: number;
  readonly roles: number;
}

export class IdentitiesFile implements Disposable {
  readonly #file: string;
  readonly #accessKeysFile: string | undefined;
  readonly #onChange = (now: Stats): void => this.#changed(now);
  #current: Identities;
  #followers: Followers | undefined;
  /** One at a time: the last one that is read is the one in force. */
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Reads the file.
   * @param accessKeysFile where generated keys are; undefined: nowhere
   * @throws StartError
   */
  constructor(file: string, accessKeysFile: string | undefined) {
    this.#file = file;
    this.#accessKeysFile = accessKeysFile;
    this.#current = readIdentities(file, accessKeysFile);
  }

  /** In force. */
  get current(): Identities {
    return this.#current;
  }

  /** From now on changes of the file are taken. */
  follow(followers: Followers): void {
    this.#followers = followers;
    watchFile(this.#file, { interval: watchMs, persistent: false }, this.#onChange);
  }

  [Symbol.dispose](): void {
    unwatchFile(this.#file, this.#onChange);
  }

  /** Reads the file again. @throws StartError; what was before stays in force then */
  reload(): Promise<Reloaded> {
    const turn = this.#turn.then(async () => {
      const next = readIdentities(this.#file, this.#accessKeysFile);
      await this.#followers?.apply(next);
      this.#current = next;
      return summary(this.#file, next);
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #changed({ mtimeMs }: Stats): void {
    const { onTaken, onRefused } = this.#followers ?? {};
    // Replaced by a rename: in between there is none.
    if (mtimeMs === 0) return;
    this.reload().then(
      ({ file, accounts, users, roles }) =>
        onTaken?.(`${file} is in force: ${accounts} accounts, ${users} users, ${roles} roles`),
      (error: unknown) =>
        onRefused?.(`${this.#file} is not taken, and what was before stays:\n${errorText(error)}`),
    );
  }
}

function summary(file: string, { config }: Identities): Reloaded {
  const accounts = Object.values(config.accounts ?? {});
  const count = (of: (account: (typeof accounts)[number]) => object | undefined): number =>
    accounts.reduce((sum, account) => sum + Object.keys(of(account) ?? {}).length, 0);
  return {
    file,
    accounts: accounts.length,
    users: count(({ users }) => users),
    roles: count(({ roles }) => roles),
  };
}
