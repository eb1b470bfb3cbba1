/**
 * Policies made ready for decisions: patterns split, principals in sets, values of conditions parsed, once for each
 * policy and not once for each request.
 */
import {
  type ConditionClause,
  type Effect,
  type Patterns,
  type PolicyDocument,
  type PolicyKind,
  type PolicyStatement,
  parsePolicy,
} from './document.ts';
import { type Glob, globMatches, globOf } from './glob.ts';
import { type Operator, parseOperator, testOf, type ValueTest } from './operators.ts';
import { type CompiledPrincipals, compilePrincipals } from './principals.ts';
import type { ConditionContext } from './request.ts';
import { fill, resourceTemplateOf, type Template } from './variables.ts';

export interface CompiledCondition {
  readonly clause: ConditionClause;
  readonly operator: Operator;
  /** Lower-case. */
  readonly key: string;
  readonly tests: readonly ValueTest[];
}

interface CompiledPatterns<P> {
  readonly isNegated: boolean;
  /** One of the patterns is `*`. */
  readonly isAll: boolean;
  readonly patterns: readonly P[];
}

export interface CompiledStatement {
  /** In the document. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: Effect;
  /** undefined: whoever the policy is attached to. */
  readonly principals: CompiledPrincipals | undefined;
  readonly actions: CompiledPatterns<Glob>;
  readonly resources: CompiledPatterns<Glob | Template>;
  readonly conditions: readonly CompiledCondition[];
}

export interface CompiledPolicy {
  readonly kind: PolicyKind;
  /** Without those that have no effect. */
  readonly statements: readonly CompiledStatement[];
  /** It could not be read, so it denies everything. */
  readonly isUnreadable: boolean;
}

export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  const { kind } = document;
  const statements = document.statements.flatMap((statement, index) =>
    compileStatement(statement, index, document),
  );
  return { kind, statements, isUnreadable: false };
}

/** A policy from storage: one that cannot be read denies everything, and breaks nothing else. */
export function compileStoredPolicy(text: string, kind: PolicyKind): CompiledPolicy {
  try {
    return compilePolicy(parsePolicy(text, kind));
  } catch {
    return { kind, statements: [], isUnreadable: true };
  }
}

const everything: Patterns = { isNegated: false, patterns: ['*'] };

/** A statement that lacks actions or resources is none. */
function compileStatement(
  statement: PolicyStatement,
  index: number,
  { kind, hasVariables }: PolicyDocument,
): readonly CompiledStatement[] {
  const { sid, effect, principals, actions } = statement;
  const resources = kind === 'trust' ? everything : statement.resources;
  if (actions === undefined || resources === undefined) return [];
  return [
    {
      index,
      sid,
      effect,
      principals: principals && compilePrincipals(principals),
      actions: compilePatterns(actions, (pattern) => globOf(pattern.toLowerCase())),
      resources: compilePatterns(resources, (pattern) => resourceTemplateOf(pattern, hasVariables)),
      conditions: statement.conditions.map((clause) => compileCondition(clause, hasVariables)),
    },
  ];
}

function compilePatterns<P>(
  { isNegated, patterns }: Patterns,
  compile: (pattern: string) => P,
): CompiledPatterns<P> {
  return { isNegated, isAll: patterns.includes('*'), patterns: patterns.map(compile) };
}

function compileCondition(clause: ConditionClause, hasVariables: boolean): CompiledCondition {
  const operator = parseOperator(clause.operator);
  if (operator === undefined) throw new Error(`no operator: ${clause.operator}`);
  const tests = clause.values.map((text) => {
    const test = testOf(operator.name, text, hasVariables);
    if (test === undefined) throw new Error(`no value of ${clause.operator}: ${text}`);
    return test;
  });
  return { clause, operator, key: clause.key.toLowerCase(), tests };
}

/** @param action lower-case */
export function coversAction({ actions }: CompiledStatement, action: string): boolean {
  return (actions.isAll || anyMatches(actions.patterns, action)) !== actions.isNegated;
}

function anyMatches(patterns: readonly Glob[], text: string): boolean {
  for (const pattern of patterns) if (globMatches(pattern, text)) return true;
  return false;
}

/** A pattern with a variable that has no value makes the statement match nothing, negated or not. */
export function coversResource(
  { resources }: CompiledStatement,
  arn: string,
  context: ConditionContext,
): boolean {
  if (resources.isAll) return !resources.isNegated;
  let isCovered = false;
  for (const pattern of resources.patterns) {
    const glob = fill(pattern, context);
    if (glob === undefined) {
      if (resources.isNegated) return false;
    } else if (globMatches(glob, arn)) isCovered = true;
  }
  return isCovered !== resources.isNegated;
}

function satisfies(
  condition: CompiledCondition,
  value: string,
  context: ConditionContext,
): boolean {
  for (const test of condition.tests)
    if (test(value, context)) return !condition.operator.isNegated;
  return condition.operator.isNegated;
}

function isAbsent(value: string | readonly string[] | undefined): boolean {
  return value === undefined || (typeof value !== 'string' && value.length === 0);
}

export function conditionHolds(condition: CompiledCondition, context: ConditionContext): boolean {
  const { operator, clause } = condition;
  const value = context.get(condition.key);
  if (operator.name === 'Null') {
    const wanted = isAbsent(value) ? 'true' : 'false';
    return clause.values.some((text) => text.toLowerCase() === wanted);
  }
  if (value === undefined || isAbsent(value)) {
    if (operator.ifExists || operator.quantifier === 'all') return true;
    return operator.quantifier === 'none' && operator.isNegated;
  }
  if (typeof value === 'string') return satisfies(condition, value, context);
  // Several values without a prefix: one that satisfies is enough.
  const isForAll = operator.quantifier === 'all';
  for (const item of value) if (satisfies(condition, item, context) !== isForAll) return !isForAll;
  return isForAll;
}
