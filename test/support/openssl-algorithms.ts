/**
 * AWS's algorithms as options of the openssl program. Values go through files in a folder of the caller's.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  EncryptionAlgorithmSpec,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { opensslPath } from './openssl.ts';

/** What is signed: the message, or its digest. */
export type Signed = { readonly message: Uint8Array } | { readonly digest: Uint8Array };

export class OpenSsl {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes bytes to a file of their own. @returns its path */
  file(bytes: Uint8Array): string {
    const path = join(this.#folder, randomUUID());
    writeFileSync(path, bytes, { mode: 0o600 });
    return path;
  }

  /** @throws Error with what it wrote to standard error when it does not end with 0 */
  run(...args: readonly string[]): Buffer {
    return execFileSync(opensslPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  }

  /** Whether it ends with 0. */
  accepts(...args: readonly string[]): boolean {
    try {
      this.run(...args);
      return true;
    } catch (error) {
      if ((error as { status?: unknown }).status === 1) return false;
      throw error;
    }
  }

  /** @param privateKey PKCS#8, DER */
  sign(algorithm: SigningAlgorithmSpec, privateKey: Uint8Array, signed: Signed): Buffer {
    const key = this.file(privateKey);
    return 'message' in signed
      ? this.run(...dgst(algorithm), '-keyform', 'DER', '-sign', key, this.file(signed.message))
      : this.run(
          ...['pkeyutl', '-sign', '-keyform', 'DER', '-inkey', key],
          ...['-in', this.file(signed.digest), ...pkeyOptions(algorithm)],
        );
  }

  /** @param publicKey SubjectPublicKeyInfo, DER */
  verify(
    algorithm: SigningAlgorithmSpec,
    publicKey: Uint8Array,
    signed: Signed,
    signature: Uint8Array,
  ): boolean {
    const [key, file] = [this.file(publicKey), this.file(signature)];
    return 'message' in signed
      ? this.accepts(
          ...[...dgst(algorithm), '-keyform', 'DER', '-verify', key],
          ...['-signature', file, this.file(signed.message)],
        )
      : this.accepts(
          ...['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', key, '-sigfile', file],
          ...['-in', this.file(signed.digest), ...pkeyOptions(algorithm)],
        );
  }

  encrypt(
    algorithm: EncryptionAlgorithmSpec,
    publicKey: Uint8Array,
    plaintext: Uint8Array,
  ): Buffer {
    return this.run(
      ...['pkeyutl', '-encrypt', '-pubin', '-keyform', 'DER', '-inkey', this.file(publicKey)],
      ...['-in', this.file(plaintext), ...oaepOptions(algorithm)],
    );
  }

  decrypt(
    algorithm: EncryptionAlgorithmSpec,
    privateKey: Uint8Array,
    ciphertext: Uint8Array,
  ): Buffer {
    return this.run(
      ...['pkeyutl', '-decrypt', '-keyform', 'DER', '-inkey', this.file(privateKey)],
      ...['-in', this.file(ciphertext), ...oaepOptions(algorithm)],
    );
  }

  mac(algorithm: MacAlgorithmSpec, key: Uint8Array, message: Uint8Array): Buffer {
    return this.run(
      ...['mac', '-digest', hashOf(algorithm), '-binary', '-in', this.file(message)],
      ...['-macopt', `hexkey:${Buffer.from(key).toString('hex')}`, 'HMAC'],
    );
  }

  /** Checks a private key's numbers against each other. @returns its SubjectPublicKeyInfo, DER */
  publicKeyOf(privateKey: Uint8Array): Buffer {
    const key = ['-inform', 'DER', '-in', this.file(privateKey)];
    this.run('pkey', ...key, '-check', '-noout');
    return this.run('pkey', ...key, '-pubout', '-outform', 'DER');
  }
}

const hashOf = (algorithm: string): string => `sha${/\d+$/.exec(algorithm)?.[0]}`;
const optionsAs = (flag: string, options: readonly string[]): string[] =>
  options.flatMap((option) => [flag, option]);

/** AWS's PSS: MGF1 with the same hash, and a salt as long as the digest. */
const padding = (algorithm: SigningAlgorithmSpec): string[] =>
  algorithm.startsWith('RSASSA_PSS')
    ? ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `rsa_mgf1_md:${hashOf(algorithm)}`]
    : [];

const dgst = (algorithm: SigningAlgorithmSpec): string[] => [
  'dgst',
  `-${hashOf(algorithm)}`,
  ...optionsAs('-sigopt', padding(algorithm)),
];

const pkeyOptions = (algorithm: SigningAlgorithmSpec): string[] =>
  optionsAs('-pkeyopt', [`digest:${hashOf(algorithm)}`, ...padding(algorithm)]);

function oaepOptions(algorithm: EncryptionAlgorithmSpec): string[] {
  const hash = algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256';
  return optionsAs('-pkeyopt', [
    'rsa_padding_mode:oaep',
    `rsa_oaep_md:${hash}`,
    `rsa_mgf1_md:${hash}`,
  ]);
}
