/**
 * What one KMS operation states about itself. `pipeline.ts` does everything that all operations share; a file
 * in operations/ holds only what is special to one.
 */
import type { KeyUsageType } from '@aws-sdk/client-kms';
import type { Input, OperationName, Output } from '../api/operations.ts';
import type { BlobSource } from './ciphertext-blob.ts';
import type { KmsKey } from './keys/key-record.ts';
import type { DestinationOf, Ready } from './pipeline.ts';

/** Members of inputs that name keys. */
export type KeyMember =
  | 'KeyId'
  | 'SourceKeyId'
  | 'DestinationKeyId'
  | 'TargetKeyId'
  /** The key that the alias points to. */
  | 'AliasName';

/** How an operation finds a key, and what the key must be. */
export interface KeySelector<Prepared> {
  /** Default: KeyId. */
  readonly member?: KeyMember;
  /** The member may be an alias name or alias ARN; else only a key id or key ARN. */
  readonly alias: boolean;
  /** Without the member the operation works on no particular key. */
  readonly optional?: true;
  /** What policies see, where it is not the operation's own action. */
  readonly action?: `kms:${string}`;
  /** The key's state does not matter, whatever the operation's row says: the row is about its other key. */
  readonly anyState?: true;
  /** Undefined: keys of any usage. */
  readonly usage?: KeyUsageType;
  /** For operations whose member is optional because the ciphertext names its key. */
  readonly fromCiphertext?: (prepared: Prepared) => BlobSource | undefined;
}

/**
 * Members of the input, each in one of two lists (a test holds this): what the audit record shows, and what
 * it never shows. A list of what is shown, rather than of what is not, fails on the safe side.
 */
export interface AuditRule<Name extends OperationName> {
  readonly readOnly: boolean;
  readonly parameters: readonly (keyof Input<Name> & string)[];
  readonly never: readonly (keyof Input<Name> & string)[];
}

export interface OperationDefinition<Name extends OperationName, Prepared> {
  readonly name: Name;
  /** Absent: the operation works on no particular key (resource `*`). */
  readonly key?: KeySelector<Prepared>;
  /** The key that something is moved to, of the operations that have two. */
  readonly destination?: KeySelector<Prepared>;
  /** What key policy, IAM and grants see. */
  readonly action: `kms:${Name}`;
  readonly audit: AuditRule<Name>;
  /** Members of input and output that are wiped once the answer is encoded. */
  readonly secrets?: readonly string[];
  /** Checks what the shapes cannot say, and reads what `run` needs. Before the key is looked up. */
  prepare(input: Input<Name>): Prepared;
  /** Checks what depends on input and keys both. After the keys' states and usages. */
  check?(input: Input<Name>, key: KmsKey, destination: DestinationOf<Name>): void;
  run(request: Ready<Name, Prepared>): Output<Name> | Promise<Output<Name>>;
}

/** An operation in the dispatch table, whatever it prepares. */
// biome-ignore lint/suspicious/noExplicitAny: each operation prepares something of its own, and only it reads that
export type Operation<Name extends OperationName = OperationName> = OperationDefinition<Name, any>;

export function defineOperation<const Name extends OperationName, Prepared>(
  definition: OperationDefinition<Name, Prepared>,
): OperationDefinition<Name, Prepared> {
  return definition;
}
