/**
 * A decision with its reasons: the evaluator itself, watched.
 */
import type { CompiledCondition } from './compile.ts';
import { type Decision, type DenyingKind, decide, type Policies } from './decide.ts';
import type { Effect } from './document.ts';
import { type Level, level } from './principals.ts';
import type { AccessRequest } from './request.ts';

export interface ExplainedCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
  /** Of the request; undefined: it has none. */
  readonly actual: string | readonly string[] | undefined;
  readonly held: boolean;
}

/** A statement whose principal, action and resource are those of the request. */
export interface ExplainedStatement {
  readonly policy: DenyingKind;
  /** Among the policies of its kind, in the order they were given. */
  readonly policyIndex: number;
  /** In its policy's list. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: Effect;
  /** How its Principal covers the caller. */
  readonly coverage: 'account' | 'role' | 'any' | 'direct';
  /** All conditions held: the statement counted. */
  readonly applied: boolean;
  readonly conditions: readonly ExplainedCondition[];
}

export interface Explanation {
  readonly decision: Decision;
  /** Key policy, identity policies, boundary, session, SCPs, RCPs, endpoint: as messages prefer them. */
  readonly statements: readonly ExplainedStatement[];
}

function coverageName(coverage: Level): ExplainedStatement['coverage'] {
  if (coverage === level.account) return 'account';
  if (coverage === level.role) return 'role';
  return coverage === level.direct ? 'direct' : 'any';
}

export function explain(request: AccessRequest, policies: Policies): Explanation {
  const statements: ExplainedStatement[] = [];
  const lists = {
    key: policies.key === undefined ? [] : [policies.key],
    identity: policies.identity,
    boundary: policies.boundary === undefined ? [] : [policies.boundary],
    session: policies.session ?? [],
    scp: policies.scpLevels.flat(),
    rcp: policies.rcpLevels.flat(),
    endpoint: policies.endpoint === undefined ? [] : [policies.endpoint],
  };
  const decision = decide(request, policies, (policy, statement, coverage, failed) => {
    const kind = policy.kind as DenyingKind;
    const explained = (condition: CompiledCondition): ExplainedCondition => ({
      ...condition.clause,
      actual: request.context.get(condition.key),
      held: !failed.includes(condition),
    });
    statements.push({
      policy: kind,
      policyIndex: lists[kind].indexOf(policy),
      index: statement.index,
      sid: statement.sid,
      effect: statement.effect,
      coverage: coverageName(coverage),
      applied: failed.length === 0,
      conditions: statement.conditions.map(explained),
    });
  });
  return { decision, statements };
}
