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

export class CredentialStore {
  readonly #credentials = new Map<string, Credential>();

  /** Adds (or replaces) an access key of an account's root. */
  addRoot(accountId: string, { accessKeyId, secretAccessKey }: AccessKey): void {
    this.#credentials.set(accessKeyId, {
      principal: rootPrincipal(accountId, accessKeyId),
      derivationKey: createSecretKey(`AWS4${secretAccessKey}`, 'utf8'),
    });
  }

  get(accessKeyId: string): Credential | undefined {
    return this.#credentials.get(accessKeyId);
  }
}
