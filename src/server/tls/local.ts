/**
 * TLS by a local authority: `tls/` of a data directory holds the authority, the server's certificate and their keys. An
 * ephemeral server has them in memory, and its authority's certificate, which is public, in a temporary folder.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../../store/data-directory.ts';
import { errorText } from '../../values/unknown.ts';
import { StartError } from '../start-error.ts';
import { type CertificateAndKey, canIssue, isCurrent, issue, makeAuthority } from './authority.ts';

/** Names of the files in `tls/`. */
export const tlsFiles = {
  authority: 'ca.pem',
  authorityKey: 'ca-key.pem',
  server: 'server.pem',
  serverKey: 'server-key.pem',
} as const;

export interface LocalTls {
  readonly server: CertificateAndKey;
  /** The authority's certificate in PEM: what clients have to trust. */
  readonly authorityFile: string;
  /** It was made now: nobody trusts it yet. */
  readonly isNewAuthority: boolean;
}

/**
 * Opens `tls/`, and makes or makes anew what is missing, near its end or lacks a name. The authority stays as long as it
 * can: who trusts it goes on to do so.
 * @param directory of the TLS files; this process has the right to change it
 * @throws StartError for files that are damaged
 */
export function openLocalTls(
  directory: string,
  names: readonly string[],
  nowMs: number = Date.now(),
): LocalTls {
  const authorityFile = join(directory, tlsFiles.authority);
  const authority = readAuthority(directory);
  if (authority === undefined || !canIssue(authority.x509, names, nowMs)) {
    return { server: replaceAll(directory, names, nowMs), authorityFile, isNewAuthority: true };
  }
  const existing = readServer(directory);
  if (existing !== undefined && isCurrent(existing.x509, authority.x509, names, nowMs)) {
    return { server: existing, authorityFile, isNewAuthority: false };
  }
  const server = issue(authority, names, nowMs);
  // A cut between the two leaves a pair that does not match, and the next start makes another.
  replace(join(directory, tlsFiles.serverKey), server.key);
  replace(join(directory, tlsFiles.server), server.certificate);
  syncDirectory(directory);
  return { server, authorityFile, isNewAuthority: false };
}

/** All of it for one time; no key reaches a disk, and the authority's is not kept. Disposed of, its file is gone. */
export function makeEphemeralTls(names: readonly string[]): LocalTls & Disposable {
  const nowMs = Date.now();
  const authority = makeAuthority(names, nowMs);
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-tls-'));
  const authorityFile = join(folder, tlsFiles.authority);
  writeFileSync(authorityFile, authority.certificate, { mode: 0o600 });
  return {
    server: issue(authority, names, nowMs),
    authorityFile,
    isNewAuthority: true,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

type Opened = CertificateAndKey & {
  readonly x509: X509Certificate;
  readonly privateKey: KeyObject;
};

/** Beside its final place, then renamed there: an authority without its key is never found. */
function replaceAll(directory: string, names: readonly string[], nowMs: number): CertificateAndKey {
  const authority = makeAuthority(names, nowMs);
  const server = issue(authority, names, nowMs);
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { mode: 0o700 });
  const texts = {
    [tlsFiles.authority]: authority.certificate,
    [tlsFiles.authorityKey]: authority.key,
    [tlsFiles.server]: server.certificate,
    [tlsFiles.serverKey]: server.key,
  };
  for (const [name, text] of Object.entries(texts)) writeNew(join(partial, name), text);
  syncDirectory(partial);
  rmSync(directory, { recursive: true, force: true });
  renameSync(partial, directory);
  syncDirectory(dirname(directory));
  return server;
}

function replace(file: string, text: string): void {
  const next = `${file}.next`;
  rmSync(next, { force: true });
  writeNew(next, text);
  renameSync(next, file);
}

function writeNew(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600, flag: 'wx', flush: true });
}

/** @returns undefined when there is none */
function readAuthority(directory: string): Opened | undefined {
  const files = [tlsFiles.authority, tlsFiles.authorityKey].map((name) => join(directory, name));
  if (!files.some((file) => existsSync(file))) return undefined;
  try {
    const opened = readPair(directory, tlsFiles.authority, tlsFiles.authorityKey);
    if (opened.x509.checkPrivateKey(opened.privateKey)) return opened;
    throw new TypeError('its key is another');
  } catch (cause) {
    throw new StartError(
      `the certificate authority ${files[0]} cannot be used: ${errorText(cause)}. Restore ${directory}, or delete it to make another, which clients then have to be told to trust`,
      'REFUSED',
      { cause },
    );
  }
}

/** @returns undefined when there is none that can be used; it can be made anew */
function readServer(directory: string): Opened | undefined {
  try {
    const opened = readPair(directory, tlsFiles.server, tlsFiles.serverKey);
    return opened.x509.checkPrivateKey(opened.privateKey) ? opened : undefined;
  } catch {
    return undefined;
  }
}

function readPair(directory: string, certificateFile: string, keyFile: string): Opened {
  const certificate = readFileSync(join(directory, certificateFile), 'utf8');
  const key = readFileSync(join(directory, keyFile), 'utf8');
  return {
    certificate,
    key,
    x509: new X509Certificate(certificate),
    privateKey: createPrivateKey(key),
  };
}
