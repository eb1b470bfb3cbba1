/**
 * Which device the `hsm` commands open: the one that libstrongroom-pkcs11.so opens for this user (docs/pkcs11.md), or the
 * one that `--directory` names.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorText } from '../../values/unknown.ts';
import { CommandError } from '../exit.ts';

export interface Place {
  /** Absolute; holds flash/ and root/. */
  readonly directory: string;
  /** Slots of the device. */
  readonly slotCount: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const SYSTEM_FILE = '/etc/strongroom/pkcs11.conf';

/** Settings that are numbers: least and most. Only `slots` means anything here; the others are the library's. */
const NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  slots: [1, 64],
  sessions: [1, 1 << 20],
  rw_sessions: [1, 1 << 20],
  session_idle_seconds: [0, 31_536_000],
};

/** @param named what `--directory` says. @throws CommandError with the file and line that is wrong */
export function findPlace(
  named: string | undefined,
  environment: Environment = process.env,
): Place {
  const settings = readSettings(environment);
  const fromEnvironment = named ?? (environment.STRONGROOM_TOKEN_DIR || undefined);
  const directory =
    fromEnvironment === undefined
      ? (settings.directory ?? defaultDirectory(environment))
      : resolve(fromEnvironment);
  return { directory, slotCount: settings.slots ?? 1 };
}

interface Settings {
  readonly directory?: string;
  readonly slots?: number;
}

function defaultDirectory(environment: Environment): string {
  const base = baseDirectory(environment.XDG_DATA_HOME, environment.HOME, '.local/share');
  if (base === undefined)
    throw new CommandError('no directory is configured and there is no home directory');
  return join(base, 'strongroom', 'token');
}

/** Of the XDG base directories, where relative ones are to be ignored. */
function baseDirectory(
  value: string | undefined,
  home: string | undefined,
  below: string,
): string | undefined {
  if (value?.startsWith('/')) return value;
  return home?.startsWith('/') ? join(home, below) : undefined;
}

/** The file to read, or none. One that the environment names has to be there. */
function configurationFile(environment: Environment): string | undefined {
  if (environment.STRONGROOM_PKCS11_CONF) return environment.STRONGROOM_PKCS11_CONF;
  const base = baseDirectory(environment.XDG_CONFIG_HOME, environment.HOME, '.config');
  const own = base === undefined ? undefined : join(base, 'strongroom', 'pkcs11.conf');
  if (own !== undefined && existsSync(own)) return own;
  return existsSync(SYSTEM_FILE) ? SYSTEM_FILE : undefined;
}

function readSettings(environment: Environment): Settings {
  const file = configurationFile(environment);
  if (file === undefined) return {};
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CommandError(errorText(cause), undefined, { cause });
  }
  let settings: Settings = {};
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const refuse = (why: string): never => {
      throw new CommandError(`${file} line ${index + 1}: ${why}`);
    };
    const equals = trimmed.indexOf('=');
    if (equals < 0) refuse('not "name = value"');
    const name = trimmed.slice(0, equals).trim();
    const value = trimmed.slice(equals + 1).trim();
    const range = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
    if (name === 'directory') {
      const directory = expandHome(value, environment.HOME);
      if (!directory.startsWith('/')) refuse('directory has to be an absolute path');
      settings = { ...settings, directory };
    } else if (range !== undefined) {
      const [least, most] = range;
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (!(number >= least && number <= most)) refuse(`${name} has to be ${least} to ${most}`);
      if (name === 'slots') settings = { ...settings, slots: number };
    } else refuse(`unknown setting ${name}`);
  }
  return settings;
}

function expandHome(path: string, home: string | undefined): string {
  return path.startsWith('~/') && home?.startsWith('/') ? `${home}${path.slice(1)}` : path;
}
