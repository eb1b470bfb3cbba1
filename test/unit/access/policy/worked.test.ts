import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/access/policy/decide.ts';
import { explain } from '../../../../src/access/policy/explain.ts';
import { policiesOf, requestOf } from '../../../access-cases/ask.ts';
import { limitCases } from '../../../access-cases/limits.ts';
import { matrixCases } from '../../../access-cases/matrix.ts';
import { workedCases } from '../../../access-cases/worked.ts';
import { oracle } from '../../../support/policy-oracle.ts';

const all = [...workedCases, ...limitCases, ...matrixCases];

describe('the engine', () => {
  it('has cases', () => {
    expect(workedCases.length).toBeGreaterThan(80);
    expect(matrixCases.length).toBeGreaterThanOrEqual(300);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it.each(all)('decides $name ($rule): $expected', (one) => {
    const [request, policies] = [requestOf(one), policiesOf(one)];
    const decision = decide(request, policies);
    const result = decision.allowed ? 'allow' : decision.explicit ? 'explicit deny' : 'deny';
    expect(result).toBe(one.expected);
    expect(explain(request, policies).decision).toEqual(decision);
    expect(oracle(one)).toBe(one.expected);
  });
});
