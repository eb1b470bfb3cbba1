/**
 * What a decision is about: who asks to do what to which resource, and under which circumstances.
 */
import type { Principal } from '../principal.ts';

/** An AWS service that calls for itself, without a user's credentials. */
export interface ServiceCaller {
  readonly type: 'AWSService';
  /** `s3.amazonaws.com`: what messages show as well. */
  readonly arn: string;
  /** Of no account. */
  readonly accountId: '';
}

export type Caller = Principal | ServiceCaller;

/** Condition keys of a request. Values are asked for when a condition needs them, and not before. */
export interface ConditionContext {
  /**
   * @param key lower-case, all of it, also what follows `kms:EncryptionContext:`
   * @returns a list for multi-valued keys; undefined, or an empty list: the request does not have it
   */
  get(key: string): string | readonly string[] | undefined;
}

export interface AccessResource {
  /** none: an action that names no resource, which identity policies alone decide. So they do the alias side of alias actions. */
  readonly kind: 'key' | 'alias' | 'none';
  /** Absent of kind none. */
  readonly arn?: string | undefined;
  /** 12 digits; absent of kind none. */
  readonly accountId?: string | undefined;
}

export interface AccessRequest {
  readonly principal: Caller;
  /** `kms:Decrypt` */
  readonly action: string;
  readonly resource: AccessResource;
  /** The operation can be used on a key of another account. */
  readonly crossAccountCapable: boolean;
  readonly context: ConditionContext;
}

/** A context of fixed values. @param values by condition key, in any case */
export function fixedContext(
  values: Readonly<Record<string, string | readonly string[]>>,
): ConditionContext {
  const map = new Map(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]));
  return { get: (key) => map.get(key) };
}
