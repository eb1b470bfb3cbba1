/**
 * Writes docs/api-coverage.md from the dispatch table, the input shapes and the table of key specs; that an operation is
 * missing is told from what the AWS SDK has. With --check it only compares and exits 1 on a difference.
 *
 * What differs from AWS is told here, since no table knows it: a sentence for each operation that is built, a reason for
 * each one that is not. An operation without either, or with both, ends the script.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as sdk from '@aws-sdk/client-kms';
import { keySpecs } from '../src/api/key-specs.ts';
import { inputs } from '../src/api/operations.ts';
import { operations as built } from '../src/kms/operations/index.ts';

const page = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'api-coverage.md');

/** Differences of single operations, beside those that the shapes show and those of all operations. */
const differences = {
  CreateKey:
    'makes keys of origin AWS_KMS in one Region: another `Origin`, `MultiRegion`, `CustomKeyStoreId`, `XksKeyId` and usage KEY_AGREEMENT are refused; `Policy` as with PutKeyPolicy',
  Decrypt: 'blobs that AWS made do not open, nor do blobs of another data directory',
  Encrypt:
    'a blob has [a format of its own](formats/blob.md), and the length of one that AWS makes',
  GetKeyPolicy: 'the policy says what was put, and decides nothing',
  ListAliases: 'no `alias/aws/…`: there are no AWS managed keys',
  PutKeyPolicy:
    'checks grammar, length and lock-out, and stores the policy; it is **not enforced**. Whether principals and actions exist is not looked at',
  ReEncrypt: 'opens blobs as Decrypt does',
  TagResource: 'tags decide nothing: there are no policies that could ask for them',
};

/** Operations that are not built, by what they belong to. */
const absent = {
  'custom and external key stores': [
    ...['ConnectCustomKeyStore', 'CreateCustomKeyStore', 'DeleteCustomKeyStore'],
    ...['DescribeCustomKeyStores', 'DisconnectCustomKeyStore', 'UpdateCustomKeyStore'],
  ],
  grants: ['CreateGrant', 'ListGrants', 'ListRetirableGrants', 'RetireGrant', 'RevokeGrant'],
  rotation: [
    ...['DisableKeyRotation', 'EnableKeyRotation', 'GetKeyRotationStatus', 'ListKeyRotations'],
    'RotateKeyOnDemand',
  ],
  'imported key material': [
    ...['DeleteImportedKeyMaterial', 'GetParametersForImport', 'ImportKeyMaterial'],
  ],
  'multi-Region keys': ['ReplicateKey', 'UpdatePrimaryRegion'],
  'key encapsulation (ML-KEM)': ['Decapsulate', 'Encapsulate'],
  'key agreement': ['DeriveSharedSecret'],
  'the record of use': ['GetKeyLastUsage'],
};

/** Usages of key specs that are built, and which keys cannot have all the same. */
const absentUsages = ['KEY_AGREEMENT'];

const apiNames = Object.keys(sdk)
  .filter((name) => name.endsWith('Command') && name !== '$Command')
  .map((name) => name.slice(0, -'Command'.length))
  .sort();
const builtNames = apiNames.filter((name) => built.has(name));

function checkTables() {
  const reasons = Object.values(absent).flat().sort();
  const missing = apiNames.filter((name) => !built.has(name));
  if (reasons.join() !== missing.join())
    throw new Error(`not built: ${missing.join(', ')}; with a reason: ${reasons.join(', ')}`);
  const stray = [...built.keys(), ...Object.keys(differences)].filter(
    (name) => !builtNames.includes(name),
  );
  if (stray.length > 0) throw new Error(`no operations that are built: ${stray.join(', ')}`);
}

/** What is different about an operation that is built; undefined for nothing that is known. */
function differenceOf(name) {
  const { members } = inputs[name];
  const parts = [differences[name]];
  if (members.Recipient) parts.push('`Recipient` (attestation of enclaves) is refused');
  if (members.KeyPairSpec) {
    const refused = members.KeyPairSpec.shape.values.filter((spec) => !keySpecs[spec].built);
    parts.push(`refused as \`KeyPairSpec\`: ${refused.join(', ')}`);
  }
  return parts.filter((part) => part !== undefined).join('; ') || undefined;
}

const row = (...cells) => `| ${cells.join(' | ')} |`;

function builtRows() {
  const plain = builtNames.filter((name) => differenceOf(name) === undefined);
  const others = builtNames.filter((name) => !plain.includes(name));
  return [
    row(plain.join(', '), 'none known'),
    ...others.map((name) => row(name, differenceOf(name))),
  ].join('\n');
}

const absentRows = () =>
  Object.entries(absent)
    .map(([what, names]) => row(what, names.join(', ')))
    .join('\n');

/** Specs of which the same is to be said share a row. */
function keySpecRows() {
  const rows = new Map();
  for (const { keySpec, built: isBuilt, algorithms } of Object.values(keySpecs)) {
    const uses = Object.entries(algorithms).map(([usage, names]) => {
      const isAbsent = isBuilt && absentUsages.includes(usage);
      return `${usage}${isAbsent ? ' (not built)' : ''}: ${names.join(', ')}`;
    });
    const said = row(isBuilt ? 'yes' : 'no', uses.join('<br>')).slice(2);
    rows.set(said, [...(rows.get(said) ?? []), keySpec]);
  }
  return [...rows].map(([said, specs]) => `| ${specs.join(', ')} | ${said}`).join('\n');
}

const text = () => `<!-- Generated by scripts/generate-api-coverage.mjs. Do not edit. -->
# API coverage

Of the ${apiNames.length} operations of the AWS KMS API (version 2014-11-01), **${builtNames.length} are built**. The others answer UnknownOperationException, as
AWS does to a name it does not know. A member of a built operation that asks for what is not built is refused with
UnsupportedOperationException, which names the member. \`npm run generate\` writes this page from the code's own tables.

## Of all operations

- **Who may.** An account's root may do everything with the account's keys, and nobody else anything: users and sessions of
  roles are known, and denied. A service has the account of its root credential and those of its declarative file.
- **No grants.** A request with a grant token is refused with InvalidGrantTokenException.
- **At once.** A change is in force for every request that starts after its answer. AWS is eventually consistent: code that
  forgets to wait or to retry there passes here.
- **No throttling, no quotas**, except 50 aliases and 50 tags for a key, 32,768 bytes of policy and 131,072 bytes of
  encryption context. ThrottlingException comes when too many requests at once change one key, crowd one connection, or wait
  for work that takes long.
- **Signatures** are read from the Authorization header (Signature Version 4); \`X-Amz-Target\` has to be signed. Presigned
  URLs and Version 4A are not taken.
- **Ciphertext of symmetric keys** opens where it was made and nowhere else. Public keys, signatures, MACs and RSA
  ciphertext are in the standard formats: other programs can check and make them.
- **Records** of requests go to \`audit.jsonl\` in CloudTrail's terms; nothing goes to CloudTrail, CloudWatch or EventBridge.

## Built

| operation | differences from AWS |
|---|---|
${builtRows()}

## Not built

| belongs to | operations |
|---|---|
${absentRows()}

## Key specs

A data key pair can have any RSA or ECC spec that is built. A spec or usage that is not built is
UnsupportedOperationException; a combination that AWS does not have is ValidationException.

| key spec | built | usages and their algorithms |
|---|---|---|
${keySpecRows()}
`;

checkTables();
const written = text();
if (!process.argv.includes('--check')) writeFileSync(page, written);
else if (readFileSync(page, 'utf8') !== written) {
  console.error('docs/api-coverage.md is not what the tables say: npm run generate');
  process.exitCode = 1;
}
