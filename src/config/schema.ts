/**
 * JSON Schema (draft 2020-12) of the declarative file. docs/strongroom.schema.json is this, for editors:
 * `strongroom config schema` prints it.
 */

type Schema = Readonly<Record<string, unknown>>;

const accountId = '^[0-9]{12}$';
const entityName = '^[A-Za-z0-9_+=,.@-]{1,64}$';
const userNames = { pattern: entityName };
const text = (pattern: string, description: string): Schema => ({
  type: 'string',
  pattern,
  description,
});

const object = (
  properties: Schema,
  required: readonly string[] = [],
  more: Schema = {},
): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
  ...more,
});

const mapOf = (value: Schema, propertyNames: Schema): Schema => ({
  type: 'object',
  propertyNames,
  additionalProperties: value,
});

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });

const identity: Schema = {
  path: {
    type: 'string',
    pattern: '^/([!-~]+/)?$',
    maxLength: 512,
    description: 'begins and ends with /',
    default: '/',
  },
  tags: ref('tags'),
  policies: ref('policyNames'),
  inlinePolicies: ref('inlinePolicies'),
  permissionsBoundary: ref('policyName'),
};

const limits: Schema = {
  serviceControlPolicies: ref('inlinePolicies'),
  resourceControlPolicies: ref('inlinePolicies'),
};

export const configSchema: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Strongroom: accounts, organisations and identities',
  ...object(
    {
      version: { const: 1, description: '1' },
      accounts: mapOf(ref('account'), { pattern: accountId }),
      organizations: { type: 'array', items: ref('organization') },
    },
    ['version'],
  ),
  $defs: {
    account: object({
      name: { type: 'string', maxLength: 50 },
      root: object({ accessKeys: ref('accessKeys') }),
      policies: {
        ...mapOf(ref('policy'), { pattern: '^[A-Za-z0-9_+=,.@-]{1,128}$' }),
        description: 'customer managed policies, by name',
      },
      groups: mapOf(ref('group'), { pattern: '^[A-Za-z0-9_+=,.@-]{1,128}$' }),
      users: mapOf(ref('user'), userNames),
      roles: mapOf(ref('role'), userNames),
    }),
    group: object({ policies: ref('policyNames'), inlinePolicies: ref('inlinePolicies') }),
    user: {
      ...object({
        ...identity,
        groups: { type: 'array', items: { type: 'string' }, uniqueItems: true, maxItems: 10 },
        accessKeys: ref('accessKeys'),
      }),
    },
    role: object(
      {
        ...identity,
        trustPolicy: ref('policy'),
        description: { type: 'string', maxLength: 1000 },
        maxSessionDuration: {
          type: 'integer',
          minimum: 3600,
          maximum: 43_200,
          default: 3600,
          description: 'seconds',
        },
      },
      ['trustPolicy'],
    ),
    accessKeys: {
      type: 'array',
      maxItems: 2,
      items: object(
        {
          id: text('^AKIA[A-Z2-7]{12,124}$', 'AKIA and 12 or more of A-Z and 2-7'),
          secret: { type: 'string', minLength: 16, maxLength: 128 },
          profile: text('^[A-Za-z0-9_.-]{1,128}$', 'where a generated key is written'),
          status: { enum: ['Active', 'Inactive'], default: 'Active' },
        },
        [],
        {
          dependentRequired: { id: ['secret'], secret: ['id'] },
          description: 'id and secret, or neither: then the server makes a key',
        },
      ),
    },
    tags: {
      ...mapOf({ type: 'string', maxLength: 256 }, { minLength: 1, maxLength: 128 }),
      maxProperties: 50,
    },
    policyName: { type: 'string', minLength: 1, maxLength: 2048 },
    policyNames: { type: 'array', items: ref('policyName'), uniqueItems: true, maxItems: 20 },
    inlinePolicies: mapOf(ref('policy'), { pattern: '^[A-Za-z0-9_+=,.@-]{1,128}$' }),
    policy: {
      type: ['object', 'string'],
      description: 'a policy document, or its JSON as a text',
    },
    organization: object(
      {
        id: text('^o-[a-z0-9]{10,32}$', 'o- and 10 to 32 of a-z and 0-9'),
        managementAccount: { type: 'string', pattern: accountId },
        root: object(unit('^r-[a-z0-9]{4,32}$'), ['id']),
      },
      ['id', 'managementAccount', 'root'],
    ),
    unit: object(unit('^ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}$'), ['id']),
  },
};

function unit(id: string): Schema {
  return {
    id: text(id, 'as AWS Organizations forms it'),
    ...limits,
    accounts: mapOf({ ...object(limits), type: ['object', 'null'] }, { pattern: accountId }),
    units: { type: 'array', items: ref('unit') },
  };
}
