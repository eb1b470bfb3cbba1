/**
 * What the engine is asked with: the policies that the directory has for a principal, compiled once for each text.
 */
import type { Directory, NamedPolicy } from './directory.ts';
import { type CompiledPolicy, compileStoredPolicy } from './policy/compile.ts';
import type { Policies } from './policy/decide.ts';
import type { PolicyKind } from './policy/document.ts';
import type { Principal } from './principal.ts';

const compiled = new Map<PolicyKind, WeakMap<NamedPolicy, CompiledPolicy>>();

export function compiledPolicy(policy: NamedPolicy, kind: PolicyKind): CompiledPolicy {
  let ofKind = compiled.get(kind);
  if (ofKind === undefined) {
    ofKind = new WeakMap();
    compiled.set(kind, ofKind);
  }
  let found = ofKind.get(policy);
  if (found === undefined) {
    found = compileStoredPolicy(policy.text, kind);
    ofKind.set(policy, found);
  }
  return found;
}

const noDirectory = { identity: [], scpLevels: [], rcpLevels: [] };

/**
 * All policies that bear on a principal's request but those of the resource itself.
 * @param directory undefined: there is nobody but the root
 * @param resourceAccountId whose resource control policies count
 */
export function policiesFor(
  directory: Directory | undefined,
  principal: Principal,
  resourceAccountId: string,
): Omit<Policies, 'key' | 'endpoint' | 'grant'> {
  if (directory === undefined) return noDirectory;
  const { identity, boundary, session } = directory.policiesOf(principal);
  const levels = (
    all: readonly (readonly NamedPolicy[])[],
    kind: PolicyKind,
  ): readonly (readonly CompiledPolicy[])[] =>
    all.map((level) => level.map((policy) => compiledPolicy(policy, kind)));
  return {
    identity: identity.map((policy) => compiledPolicy(policy, 'identity')),
    boundary: boundary && compiledPolicy(boundary, 'boundary'),
    session: session?.map((policy) => compiledPolicy(policy, 'session')),
    scpLevels: levels(directory.limitsOf(principal.accountId).serviceControl, 'scp'),
    rcpLevels: levels(directory.limitsOf(resourceAccountId).resourceControl, 'rcp'),
  };
}
