/**
 * The access keys this server knows, in memory. A secret lives here as a KeyObject, which no log or
 * inspection prints.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { type AccessKey, type Principal, rootPrincipal } from './principal.ts';

export interface Credential {
  readonly principal: Principal;
  /** `AWS4` and the secret access key: where the derivation of signing keys begins. */
  readonly derivationKey: KeyObject;
}

/** Keys by their id. */
export interface CredentialSource {
  get(accessKeyId: string): Credential | undefined;
}

/** @param secretAccessKey 40 characters in AWS; any text */
export function credential(principal: Principal, secretAccessKey: string): Credential {
  return { principal, derivationKey: createSecretKey(`AWS4${secretAccessKey}`, 'utf8') };
}

export class CredentialStore implements CredentialSource {
  readonly #credentials = new Map<string, Credential>();

  /** Adds (or replaces) an access key of an account's root. */
  addRoot(accountId: string, { accessKeyId, secretAccessKey }: AccessKey): void {
    this.add(rootPrincipal(accountId, accessKeyId), secretAccessKey);
  }

  /** Adds (or replaces) a long-term access key: the one that the principal names. */
  add(principal: Principal, secretAccessKey: string): void {
    this.#credentials.set(principal.accessKeyId, credential(principal, secretAccessKey));
  }

  get(accessKeyId: string): Credential | undefined {
    return this.#credentials.get(accessKeyId);
  }
}
