/**
 * The stages of the pipeline as types: what must not compile. `@ts-expect-error` is itself an error where the
 * line below it compiles. Compiled by pipeline-types.test.ts, as it is and without those marks.
 */
import type { encrypt as Encrypt } from '../../../src/kms/operations/encrypt.ts';
import type { Authorized, Ready, Resolved, Validated } from '../../../src/kms/pipeline.ts';

declare const encrypt: typeof Encrypt;
declare const validated: Validated<'Encrypt', Uint8Array>;
declare const resolved: Resolved<'Encrypt', Uint8Array>;
declare const authorized: Authorized<'Encrypt', Uint8Array>;
declare const ready: Ready<'Encrypt', Uint8Array>;
declare const otherReady: Ready<'Decrypt', Uint8Array>;
declare function authorizedOnly(request: Authorized<'Encrypt', Uint8Array>): void;

export function mustCompile(): void {
  void encrypt.run(ready);
  authorizedOnly(authorized);
}

export function mustNotCompile(): void {
  // @ts-expect-error not authorized, state not checked
  void encrypt.run(validated);
  // @ts-expect-error key found, but nobody said that the caller may use it
  void encrypt.run(resolved);
  // @ts-expect-error authorized, but the key may be disabled
  void encrypt.run(authorized);
  // @ts-expect-error ready for another operation
  void encrypt.run(otherReady);
  // @ts-expect-error a resolved request has all the members of an authorized one, but not its mark
  authorizedOnly(resolved);
  const { input, prepared, key, destination, ...services } = ready;
  const { keys, aliases, keyStore, principal, accountId, region, nowMs, again, commit } = services;
  const request = { input, prepared, key, destination, principal, accountId, region, nowMs };
  const copied = { ...request, keys, aliases, keyStore, again, commit };
  // @ts-expect-error all members are right, but no stage made it
  void encrypt.run(copied);
}
