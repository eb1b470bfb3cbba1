/** What an action of STS or IAM is given, and what a service of them is. */
import type { SignedService } from '../access/authorization.ts';
import type { Directory } from '../access/directory.ts';
import type { Principal } from '../access/principal.ts';
import type { SessionTokens } from '../access/session-token.ts';
import { denied, type Parameters, type XmlValue } from './query.ts';

export interface Call {
  readonly principal: Principal;
  readonly parameters: Parameters;
  /** Undefined: there is no declarative file, and so nobody but the root. */
  readonly directory: Directory | undefined;
  readonly sessions: SessionTokens;
  /** wallClock. */
  readonly nowMs: number;
}

export interface Action {
  readonly readOnly: boolean;
  /** Names of parameters that the audit record repeats. */
  readonly audited: readonly string[];
  /** @throws QueryError */
  run(call: Call): XmlValue;
}

export interface QueryService {
  readonly name: Exclude<SignedService, 'kms'>;
  readonly version: string;
  /** Of its XML. */
  readonly namespace: string;
  readonly actions: ReadonlyMap<string, Action>;
}

/** Policies do not decide here: the account's root may, and nobody else. @throws QueryError AccessDenied */
export function checkAllowed({ principal }: Call, action: string, resource: string): void {
  if (principal.type === 'Root') return;
  throw denied(
    `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
  );
}
