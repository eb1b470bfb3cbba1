/**
 * AWS shared-credentials files: the one this server writes at first boot for its user, and reads at each
 * later one.
 * Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type AccessKey, isAccountId } from './principal.ts';

/** The file is not one this program can use. The message names file and line, never the content. */
export class CredentialsFileError extends Error {
  override readonly name = 'CredentialsFileError';
}

/** RFC 4648 base32 digits: what AWS's identifiers are made of. */
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A new access key: `AKIA` and 16 base32 digits; a secret of 40 base64 digits (240 random bits). */
export function generateAccessKey(): AccessKey {
  let accessKeyId = 'AKIA';
  for (const byte of randomBytes(16)) accessKeyId += base32[byte & 31];
  return { accessKeyId, secretAccessKey: randomBytes(30).toString('base64') };
}

/** An access key of an account's root. */
export interface RootCredential extends AccessKey {
  /** 12 digits. */
  readonly accountId: string;
}

/** What a profile says; one without both halves of an access key is none. */
export interface Profile extends AccessKey {
  readonly accountId: string | undefined;
}

const profileName = 'default';

/** @param profile letters, digits, `.`, `_` and `-` */
export function formatCredentialsFile(
  credential: RootCredential,
  profile: string = profileName,
): string {
  const { accessKeyId, secretAccessKey, accountId } = credential;
  return [
    `[${profile}]`,
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
    `aws_account_id = ${accountId}`,
    '',
  ].join('\n');
}

/**
 * Reads all profiles that have both halves of an access key. Other settings are passed over.
 * @param file named in errors
 * @throws CredentialsFileError for a line that is no section, setting, comment or blank
 */
export function parseCredentialsFile(text: string, file: string): Map<string, Profile> {
  const profiles = new Map<string, Map<string, string>>();
  let settings: Map<string, string> | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const section = /^\[\s*([^\]]*?)\s*\]$/.exec(line)?.[1];
    if (section) {
      settings = profiles.get(section) ?? new Map();
      profiles.set(section, settings);
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 1 || settings === undefined) {
      throw new CredentialsFileError(
        `${file}, line ${index + 1}: expected [profile] or name = value`,
      );
    }
    settings.set(line.slice(0, equals).trim().toLowerCase(), line.slice(equals + 1).trim());
  }
  const keys = new Map<string, Profile>();
  for (const [profile, values] of profiles) {
    const accessKeyId = values.get('aws_access_key_id');
    const secretAccessKey = values.get('aws_secret_access_key');
    const accountId = values.get('aws_account_id');
    if (accessKeyId && secretAccessKey) {
      keys.set(profile, { accessKeyId, secretAccessKey, accountId });
    }
  }
  return keys;
}

/** @throws CredentialsFileError when the default profile has no access key; errors of the file system */
export function readAccessKey(file: string): Profile {
  const profile = parseCredentialsFile(readFileSync(file, 'utf8'), file).get(profileName);
  if (profile === undefined) {
    throw new CredentialsFileError(
      `${file}: profile ${profileName} has no aws_access_key_id and aws_secret_access_key`,
    );
  }
  return profile;
}

/** @throws CredentialsFileError also when the profile does not say whose key it is */
export function readRootCredential(file: string): RootCredential {
  const { accessKeyId, secretAccessKey, accountId } = readAccessKey(file);
  if (accountId === undefined || !isAccountId(accountId)) {
    throw new CredentialsFileError(
      `${file}: profile ${profileName} has no aws_account_id of 12 digits`,
    );
  }
  return { accessKeyId, secretAccessKey, accountId };
}

/** Makes the names in a directory durable. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a new file that only its owner can read (0600): all of it or nothing, durable when this returns.
 * @throws errors of the file system; EEXIST when the file is there
 */
export function writeCredentialsFile(
  file: string,
  key: AccessKey,
  accountId: string,
  profile?: string,
): void {
  const draft = `${file}.${process.pid}.draft`;
  try {
    writeFileSync(draft, formatCredentialsFile({ ...key, accountId }, profile), {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    // Unlike a rename, a link does not replace a file that is there.
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(file));
}

/**
 * Replaces a file of profiles, each of which says whose account it is of: all of it or nothing, 0600, durable when this
 * returns.
 * @throws errors of the file system
 */
export function replaceProfiles(file: string, profiles: ReadonlyMap<string, RootCredential>): void {
  const draft = `${file}.${process.pid}.draft`;
  const text = [...profiles].map(([name, key]) => formatCredentialsFile(key, name)).join('\n');
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(file));
}
