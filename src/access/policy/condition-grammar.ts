/**
 * Condition blocks: operators, condition keys and values, checked when a policy is stored.
 * Source: AWS IAM User Guide, "IAM JSON policy elements: Condition operators".
 */
import { kmsException } from '../../api/exceptions.ts';
import { isObject } from '../../values/unknown.ts';
import type { ConditionClause } from './document.ts';
import { type OperatorName, parseOperator, testOf } from './operators.ts';

function invalid(): Error {
  return kmsException(
    'MalformedPolicyDocumentException',
    'Policy contains a statement with an invalid condition.',
  );
}

/** A set that is empty satisfies it: whoever leaves the context or tags out would pass. */
const permissiveForAll = /^(?:kms:encryptioncontext:|aws:requesttag\/)/i;

/** @throws KmsException MalformedPolicyDocumentException, InvalidArnException */
export function checkCondition(condition: unknown): readonly ConditionClause[] {
  if (!isObject(condition)) throw invalid();
  const clauses: ConditionClause[] = [];
  for (const [operator, keys] of Object.entries(condition)) {
    const parsed = parseOperator(operator);
    if (parsed === undefined || !isObject(keys)) throw invalid();
    for (const [key, value] of Object.entries(keys)) {
      const values = readValues(value);
      if (key === '' || values === undefined) throw invalid();
      if (parsed.quantifier === 'all' && permissiveForAll.test(key))
        throw kmsException(
          'MalformedPolicyDocumentException',
          `OverlyPermissiveCondition: ForAllValues must not be used with the condition key ${key}.`,
        );
      for (const text of values) checkValue(parsed.name, text);
      clauses.push({ operator, key, values });
    }
  }
  return clauses;
}

function checkValue(name: OperatorName, text: string): void {
  if (testOf(name, text, true) !== undefined) return;
  if (name.startsWith('Arn')) throw kmsException('InvalidArnException', `Invalid arn ${text}`);
  throw invalid();
}

/** Numbers and booleans may stand without quotes. */
function readValues(value: unknown): readonly string[] | undefined {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const isValue = (item: unknown) =>
    typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean';
  return values.every(isValue) ? values.map(String) : undefined;
}
