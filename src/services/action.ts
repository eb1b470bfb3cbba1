/** What an action of STS or IAM is given, and what a service of them is. */
import type { SignedService } from '../access/authorization.ts';
import type { Directory } from '../access/directory.ts';
import type { Principal } from '../access/principal.ts';
import type { SessionTokens } from '../access/session-token.ts';
import type { Parameters, XmlValue } from './query.ts';

export interface Call {
  readonly principal: Principal;
  readonly parameters: Parameters;
  /** Undefined: there is no declarative file, and so nobody but the root. */
  readonly directory: Directory | undefined;
  readonly sessions: SessionTokens;
  /** wallClock. */
  readonly nowMs: number;
  /** Of the credential scope. */
  readonly region: string;
  readonly sourceAddress: string;
  readonly userAgent: string | undefined;
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
