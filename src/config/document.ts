/**
 * The declarative file, as schema.ts lets it pass: who there is. Absent members have the defaults of IAM.
 */

/** A policy: an object of the policy grammar, or its JSON as a text. */
export type PolicyValue = string | Readonly<Record<string, unknown>>;

export type Tags = Readonly<Record<string, string>>;

/** Given: both; generated: neither, and the server writes it into its access-keys file. */
export interface AccessKeyEntry {
  readonly id?: string;
  readonly secret?: string;
  /** Of the access-keys file; for a generated one. Default: `<account>-<user>`. */
  readonly profile?: string;
  /** Default: Active. */
  readonly status?: 'Active' | 'Inactive';
}

interface IdentityEntry {
  readonly path?: string;
  readonly tags?: Tags;
  /** Managed ones: a name of the account's `policies`, or an ARN. */
  readonly policies?: readonly string[];
  readonly inlinePolicies?: Readonly<Record<string, PolicyValue>>;
  /** As `policies`. */
  readonly permissionsBoundary?: string;
}

export interface UserDocument extends IdentityEntry {
  readonly groups?: readonly string[];
  readonly accessKeys?: readonly AccessKeyEntry[];
}

export interface RoleDocument extends IdentityEntry {
  readonly trustPolicy: PolicyValue;
  readonly description?: string;
  /** Seconds, 3600 to 43200. Default: 3600. */
  readonly maxSessionDuration?: number;
}

export interface GroupDocument {
  readonly policies?: readonly string[];
  readonly inlinePolicies?: Readonly<Record<string, PolicyValue>>;
}

export interface AccountDocument {
  readonly name?: string;
  readonly root?: { readonly accessKeys?: readonly AccessKeyEntry[] };
  /** Customer managed policies, by name. */
  readonly policies?: Readonly<Record<string, PolicyValue>>;
  readonly groups?: Readonly<Record<string, GroupDocument>>;
  readonly users?: Readonly<Record<string, UserDocument>>;
  readonly roles?: Readonly<Record<string, RoleDocument>>;
}

/** A root or organisational unit. Without policies of a kind it has AWS's full-access one. */
export interface UnitDocument {
  readonly id: string;
  readonly serviceControlPolicies?: Readonly<Record<string, PolicyValue>>;
  readonly resourceControlPolicies?: Readonly<Record<string, PolicyValue>>;
  /** By account id; their own policies. */
  readonly accounts?: Readonly<Record<string, LimitsDocument | null>>;
  readonly units?: readonly UnitDocument[];
}

export interface LimitsDocument {
  readonly serviceControlPolicies?: Readonly<Record<string, PolicyValue>>;
  readonly resourceControlPolicies?: Readonly<Record<string, PolicyValue>>;
}

export interface OrganizationDocument {
  readonly id: string;
  /** Service control policies do not bind it. */
  readonly managementAccount: string;
  readonly root: UnitDocument;
}

export interface ConfigDocument {
  readonly version: 1;
  readonly accounts?: Readonly<Record<string, AccountDocument>>;
  readonly organizations?: readonly OrganizationDocument[];
}
