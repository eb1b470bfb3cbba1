/** Cases of access control as data, and what both the engine and the oracle are asked. */
import type { GrantCoverage } from '../../src/access/policy/decide.ts';

export type StatementText = Readonly<Record<string, unknown>>;

/** A list of statements is Version 2012-10-17; `{ version, statements }` says otherwise (`null`: none). */
export type PolicyText =
  | readonly StatementText[]
  | { readonly version: string | null; readonly statements: readonly StatementText[] };

export type CallerName =
  | 'alice'
  | 'bob'
  | 'root'
  | 'session'
  | 'otherSession'
  | 'federated'
  | 'foreignUser'
  | 'foreignRoot'
  | 'service';

export interface AccessCase {
  /** Number in the facts, or a name of its own. */
  readonly name: string;
  /** Section of the facts and document of AWS. */
  readonly rule: string;
  readonly caller: CallerName;
  readonly action?: string;
  /** Default: the key. */
  readonly resource?: 'key' | 'alias' | 'none';
  readonly crossAccountCapable?: boolean;
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
  readonly key?: PolicyText;
  readonly identity?: PolicyText;
  readonly boundary?: PolicyText;
  readonly session?: PolicyText;
  readonly scp?: readonly PolicyText[];
  readonly rcp?: readonly PolicyText[];
  readonly endpoint?: PolicyText;
  readonly grant?: GrantCoverage;
  readonly expected: 'allow' | 'deny' | 'explicit deny';
}

export const A = '111122223333';
export const B = '444455556666';
export const KEY = `arn:aws:kms:us-east-1:${A}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
export const ALIAS = `arn:aws:kms:us-east-1:${A}:alias/app`;
export const aliceArn = `arn:aws:iam::${A}:user/alice`;
export const appArn = `arn:aws:iam::${A}:role/team/App`;
export const sessionArn = `arn:aws:sts::${A}:assumed-role/App/s1`;
export const rootArn = `arn:aws:iam::${A}:root`;
export const foreignRootArn = `arn:aws:iam::${B}:root`;
export const foreignUserArn = `arn:aws:iam::${B}:user/bob`;

export function policyJson(policy: PolicyText): string {
  const { version, statements } =
    'statements' in policy ? policy : { version: '2012-10-17', statements: policy };
  return JSON.stringify({ ...(version !== null && { Version: version }), Statement: statements });
}
