/** For each error recorded from AWS a request that provokes it, or the operation that it waits for. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { WireReply } from '../support/signed-call.ts';

export const region = 'us-east-1';
export const otherRegion = 'us-west-2';
/** The one that a record names. */
export const thirdRegion = 'ap-southeast-1';

export interface Caller {
  readonly accountId: string;
  /** @param of a Region; default `region` */
  call(operation: string, input: object, of?: string): Promise<WireReply>;
}

/** What was answered, and what the placeholders of the record stand for. `elided`: a value that the record shortens. */
export interface Attempt {
  readonly reply: WireReply;
  readonly values?: Readonly<Record<string, string>>;
}

/** @param message as recorded, for the numbers in it */
type Provocation = (caller: Caller, message: string) => Promise<readonly Attempt[]>;

/** Cases that wait, by the operation that is not there. */
export const missing: Readonly<Record<string, readonly string[]>> = {
  DeriveSharedSecret: [
    'test_derive_shared_secret/response-invalid-key-usage',
    'test_derive_shared_secret/response-invalid-key-agreement-algo',
    'test_derive_shared_secret/response-invalid-key',
    'test_derive_shared_secret/response-invalid-public-key',
  ],
  GetParametersForImport: [
    'test_get_parameters_for_import/response-error',
    'test_get_parameters_for_import_raises_for_non_external_kms_keys/get-import-parameters-error',
  ],
  ImportKeyMaterial: [
    'test_import_key_symmetric/encrypt-before-import-error',
    'test_import_key_symmetric/import-expiring-key-without-valid-to',
    'test_import_key_symmetric/encrypt-after-delete-error',
    'test_import_key_material_raises_if_there_is_already_key_material_pending/existing-pending-material-error',
  ],
  ReplicateKey: ['test_replicate_replica_key_should_fail/fail-replicate-non-primary-key'],
  RotateKeyOnDemand: [
    'test_rotate_key_on_demand_raises_error_given_key_is_disabled/error-response',
    'test_rotate_key_on_demand_raises_error_given_key_that_does_not_exist/error-response',
    'test_rotate_key_on_demand_raises_error_given_non_symmetric_key/error-response',
    'test_rotate_key_on_demand_raises_error_given_key_with_imported_key_material/error-response',
    'test_key_rotations_limits/error-response',
    'test_rotate_key_on_demand_on_external_key_with_no_key_material[SYMMETRIC_DEFAULT]/rotate-key-on-demand-error-response-SYMMETRIC_DEFAULT',
    'test_rotate_key_on_demand_on_external_key_with_no_key_material[RSA_4096]/rotate-key-on-demand-error-response-RSA_4096',
    'test_rotate_key_on_demand_raises_for_no_pending_key_material/rotate-key-on-demand-invalid-state-error',
  ],
};

const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');
const Message = base64('some important message');
const arnOf = ({ accountId }: Caller, keyId: string, of = region): string =>
  `arn:aws:kms:${of}:${accountId}:key/${keyId}`;

async function succeed(
  { call }: Caller,
  operation: string,
  input: object,
  of?: string,
): Promise<WireReply['body']> {
  const reply = await call(operation, input, of);
  if (reply.status !== 200) throw new Error(`${operation}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

interface Made {
  readonly KeyId: string;
  readonly Arn: string;
}
const made = new WeakMap<Caller, Map<string, Promise<Made>>>();

/** One key of each kind serves all cases: RSA keys take long to make. */
function key(
  caller: Caller,
  spec = 'SYMMETRIC_DEFAULT',
  usage = 'ENCRYPT_DECRYPT',
  of = region,
): Promise<Made> {
  const keys = made.get(caller) ?? new Map<string, Promise<Made>>();
  made.set(caller, keys);
  const name = `${spec} ${usage} ${of}`;
  const found =
    keys.get(name) ??
    succeed(caller, 'CreateKey', { KeySpec: spec, KeyUsage: usage }, of).then(
      ({ KeyMetadata: { KeyId, Arn } }): Made => ({ KeyId, Arn }),
    );
  keys.set(name, found);
  return found;
}
const signing = (caller: Caller, spec: string): Promise<Made> => key(caller, spec, 'SIGN_VERIFY');
const mac = (caller: Caller, spec: string): Promise<Made> =>
  key(caller, spec, 'GENERATE_VERIFY_MAC');

/** A case of one request. */
const one =
  (operation: string, input: (caller: Caller) => object | Promise<object>): Provocation =>
  async (caller) => [{ reply: await caller.call(operation, await input(caller)) }];

/** A case of one request that several operations answer alike. */
const each =
  (wanted: readonly string[], input: (caller: Caller) => object | Promise<object>): Provocation =>
  async (caller) => {
    const body = await input(caller);
    return Promise.all(wanted.map(async (name) => ({ reply: await caller.call(name, body) })));
  };

/** A case about a key, which its text names by ARN. */
const about =
  (
    operation: string,
    find: (caller: Caller) => Promise<Made>,
    input: (caller: Caller) => object | Promise<object>,
  ): Provocation =>
  async (caller) => {
    const { KeyId, Arn } = await find(caller);
    const reply = await caller.call(operation, { KeyId, ...(await input(caller)) });
    return [{ reply, values: { '<key-arn>': Arn } }];
  };

/** Encrypts more than the record says can be. */
const tooLong =
  (spec: string, algorithm: string): Provocation =>
  async (caller, message) => {
    const max = Number(/larger than (\d+) bytes/.exec(message)?.[1]);
    const { KeyId } = await key(caller, spec);
    const input = { KeyId, EncryptionAlgorithm: algorithm };
    const plaintext = (length: number): object => ({ Plaintext: base64(randomBytes(length)) });
    await succeed(caller, 'Encrypt', { ...input, ...plaintext(max) });
    return [{ reply: await caller.call('Encrypt', { ...input, ...plaintext(max + 1) }) }];
  };

const badDigest = (spec: string, SigningAlgorithm: string): Provocation =>
  each(['Sign', 'Verify'], async (caller) => ({
    KeyId: (await signing(caller, spec)).KeyId,
    Message,
    MessageType: 'DIGEST',
    SigningAlgorithm,
    Signature: Message,
  }));

/** No signature at all, one that was changed, and one of another message. */
const badSignature =
  (spec: string, SigningAlgorithm: string): Provocation =>
  async (caller) => {
    const { KeyId } = await signing(caller, spec);
    const input = { KeyId, Message, SigningAlgorithm };
    const { Signature } = await succeed(caller, 'Sign', input);
    await succeed(caller, 'Verify', { ...input, Signature });
    const changed = Buffer.from(Signature, 'base64');
    changed[changed.length - 1]! ^= 1;
    const wrong = [
      { Signature: base64('bad signature') },
      { Signature: base64(changed) },
      { Signature, Message: base64('another message') },
    ];
    return Promise.all(
      wrong.map(async (part) => ({ reply: await caller.call('Verify', { ...input, ...part }) })),
    );
  };

const signVerify = (spec: string, algorithm: string): Readonly<Record<string, Provocation>> => ({
  [`test_sign_verify[${spec}-${algorithm}]/bad-digest`]: badDigest(spec, algorithm),
  [`test_sign_verify[${spec}-${algorithm}]/bad-signature`]: badSignature(spec, algorithm),
});

const macKeyIds = (spec: string, MacAlgorithm: string): Readonly<Record<string, Provocation>> => {
  const name = `test_generate_and_verify_mac[${spec}-${MacAlgorithm}]`;
  const input = (): object => ({ KeyId: 'key_id', Message, MacAlgorithm, Mac: Message });
  return {
    [`${name}/generate-mac-invalid-key-id`]: one('GenerateMac', input),
    [`${name}/verify-mac-invalid-key-id`]: one('VerifyMac', input),
  };
};

/** What was made with an encryption context does not open without it. */
const withoutContext =
  (operation: string, blobMember: string, more: object): Provocation =>
  async (caller) => {
    const { KeyId } = await key(caller);
    const EncryptionContext = { context: 'of the case' };
    const body = await succeed(caller, operation, { KeyId, EncryptionContext, ...more });
    const input = { KeyId, CiphertextBlob: body[blobMember] };
    await succeed(caller, 'Decrypt', { ...input, EncryptionContext });
    return [{ reply: await caller.call('Decrypt', input) }];
  };

async function blob(caller: Caller): Promise<Buffer> {
  const { KeyId } = await key(caller);
  const { CiphertextBlob } = await succeed(caller, 'Encrypt', { KeyId, Plaintext: Message });
  return Buffer.from(CiphertextBlob, 'base64');
}

const tags = (...pairs: readonly (readonly [string, string])[]): object => ({
  Tags: pairs.map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
});

/** A key id or ARN that names nothing. */
const unknownKey =
  (form: (arn: string) => string, keyId: string, placeholder: string): Provocation =>
  async (caller) => {
    const arn = arnOf(caller, keyId);
    const reply = await caller.call('DescribeKey', { KeyId: form(arn) });
    return [{ reply, values: { [placeholder]: arn } }];
  };
const bareId = (arn: string): string => arn.slice(arn.indexOf('/') + 1);
const wholeArn = (arn: string): string => arn;

const dryRun = (operation: string): Provocation =>
  one(operation, async (caller) => ({
    KeyId: (await key(caller)).KeyId,
    KeyPairSpec: 'RSA_2048',
    DryRun: true,
  }));

const someMrk = `mrk-${randomBytes(16).toString('hex')}`;
const random = 'test_generate_random_invalid_number_of_bytes';
const sizes = 'test_encrypt_validate_plaintext_size_per_key_type';
const elsewhere = 'test_get_key_in_different_region';
const nowhere = 'test_get_key_does_not_exist';
const noUuid = 'test_get_key_invalid_uuid';
const hmacKeys = 'test_hmac_create_key_invalid_operations';
const wrongKeys = 'test_error_messaging_for_invalid_keys';
const symmetric = (caller: Caller): Promise<Made> => key(caller);

/** By the names of the records. */
export const provoke: Readonly<Record<string, Provocation>> = {
  [`${random}[None]/generate-random-exc`]: one('GenerateRandom', () => ({})),
  [`${random}[0]/generate-random-exc`]: one('GenerateRandom', () => ({ NumberOfBytes: 0 })),
  [`${random}[1025]/generate-random-exc`]: one('GenerateRandom', () => ({ NumberOfBytes: 1025 })),
  ...Object.fromEntries(
    ['RSA_2048', 'RSA_3072', 'RSA_4096'].flatMap((spec) =>
      ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'].map((algorithm) => [
        `${sizes}[${spec}-${algorithm}]/generate-random-exc`,
        tooLong(spec, algorithm),
      ]),
    ),
  ),

  [`${elsewhere}/describe-key-diff-region-with-id`]: async (caller) => {
    const { KeyId } = await key(caller, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', otherRegion);
    const values = { '<partition>': 'aws', '<region>': region, '<key-id:1>': KeyId };
    return [{ reply: await caller.call('DescribeKey', { KeyId }), values }];
  },
  [`${elsewhere}/describe-key-diff-region-with-arn`]: async (caller) => {
    const { Arn } = await key(caller, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', otherRegion);
    const reply = await caller.call('DescribeKey', { KeyId: Arn });
    return [{ reply, values: { '<secondary-region>': otherRegion } }];
  },
  'test_replicate_key/describe-key-from-different-region': async (caller) => {
    const reply = await caller.call('DescribeKey', { KeyId: someMrk }, thirdRegion);
    return [{ reply, values: { '<partition>': 'aws', '<key-id:1>': someMrk } }];
  },
  [`${nowhere}/describe-nonexistent-key-with-id`]: unknownKey(bareId, randomUUID(), '<key-arn>'),
  [`${nowhere}/describe-nonexistent-with-arn`]: unknownKey(wholeArn, randomUUID(), '<key-arn>'),
  [`${nowhere}/describe-key-with-valid-id-mrk`]: unknownKey(bareId, someMrk, '<mrk-key-arn>'),
  [`${noUuid}/describe-key-with-invalid-uuid`]: one('DescribeKey', () => ({
    KeyId: 'fake-key-id',
  })),
  [`${noUuid}/describe-key-with-invalid-uuid-2`]: one('DescribeKey', () => ({
    KeyId: '134f2428cec14b25a1ae9048164dba47',
  })),
  [`${noUuid}/describe-key-with-invalid-uuid-mrk`]: one('DescribeKey', () => ({
    KeyId: 'mrk-fake-key-id',
  })),

  'test_create_alias/create_alias': one('CreateAlias', async (caller) => ({
    AliasName: 'no-prefix',
    TargetKeyId: (await key(caller)).KeyId,
  })),

  ...signVerify('RSA_2048', 'RSASSA_PSS_SHA_256'),
  ...signVerify('RSA_2048', 'RSASSA_PSS_SHA_384'),
  ...signVerify('RSA_2048', 'RSASSA_PSS_SHA_512'),
  ...signVerify('RSA_4096', 'RSASSA_PKCS1_V1_5_SHA_256'),
  ...signVerify('RSA_4096', 'RSASSA_PKCS1_V1_5_SHA_512'),
  ...signVerify('ECC_NIST_P256', 'ECDSA_SHA_256'),
  ...signVerify('ECC_SECG_P256K1', 'ECDSA_SHA_256'),
  ...signVerify('ECC_NIST_P384', 'ECDSA_SHA_384'),

  [`${hmacKeys}/create-hmac-key-without-key-usage`]: one('CreateKey', () => ({
    KeySpec: 'HMAC_256',
  })),
  [`${hmacKeys}/create-hmac-key-invalid-spec`]: one('CreateKey', () => ({
    KeySpec: 'HMAC_random',
    KeyUsage: 'GENERATE_VERIFY_MAC',
  })),
  [`${hmacKeys}/create-hmac-key-invalid-key-usage`]: one('CreateKey', () => ({
    KeySpec: 'HMAC_256',
    KeyUsage: 'RANDOM',
  })),
  ...macKeyIds('HMAC_224', 'HMAC_SHA_224'),
  ...macKeyIds('HMAC_256', 'HMAC_SHA_256'),
  ...macKeyIds('HMAC_384', 'HMAC_SHA_384'),
  ...macKeyIds('HMAC_512', 'HMAC_SHA_512'),
  'test_invalid_generate_mac[HMAC_224-HMAC_SHA_256]/generate-mac': one(
    'GenerateMac',
    async (caller) => ({
      KeyId: (await mac(caller, 'HMAC_224')).KeyId,
      Message,
      MacAlgorithm: 'HMAC_SHA_256',
    }),
  ),
  'test_invalid_generate_mac[HMAC_256-INVALID]/generate-mac': one(
    'GenerateMac',
    async (caller) => ({
      KeyId: (await mac(caller, 'HMAC_256')).KeyId,
      Message,
      MacAlgorithm: 'INVALID',
    }),
  ),
  'test_invalid_verify_mac[HMAC_256-HMAC_SHA_256-some different important message]/verify-mac':
    async (caller) => {
      const { KeyId } = await mac(caller, 'HMAC_256');
      const input = { KeyId, Message, MacAlgorithm: 'HMAC_SHA_256' };
      const { Mac } = await succeed(caller, 'GenerateMac', input);
      await succeed(caller, 'VerifyMac', { ...input, Mac });
      const other = base64('some different important message');
      return [{ reply: await caller.call('VerifyMac', { ...input, Mac, Message: other }) }];
    },
  'test_invalid_verify_mac[HMAC_256-HMAC_SHA_512-some important message]/verify-mac': one(
    'VerifyMac',
    async (caller) => ({
      KeyId: (await mac(caller, 'HMAC_256')).KeyId,
      Message,
      MacAlgorithm: 'HMAC_SHA_512',
      Mac: Message,
    }),
  ),
  'test_invalid_verify_mac[HMAC_256-INVALID-some important message]/verify-mac': one(
    'VerifyMac',
    async (caller) => ({
      KeyId: (await mac(caller, 'HMAC_256')).KeyId,
      Message,
      MacAlgorithm: 'INVALID',
      Mac: Message,
    }),
  ),

  [`${wrongKeys}/generate-mac-invalid-key-id`]: about('GenerateMac', symmetric, () => ({
    Message,
    MacAlgorithm: 'HMAC_SHA_256',
  })),
  [`${wrongKeys}/sign-invalid-key-id`]: about(
    'Sign',
    (caller) => mac(caller, 'HMAC_256'),
    () => ({ Message, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
  ),
  [`${wrongKeys}/verify-invalid-key-id`]: about('Verify', symmetric, () => ({
    Message,
    SigningAlgorithm: 'RSASSA_PSS_SHA_256',
    Signature: Message,
  })),
  [`${wrongKeys}/encrypt-invalid-key-id`]: about(
    'Encrypt',
    (caller) => signing(caller, 'RSA_2048'),
    () => ({ Plaintext: Message }),
  ),
  [`${wrongKeys}/decrypt-invalid-key-id`]: async (caller) => {
    const keys = [await signing(caller, 'RSA_2048'), await mac(caller, 'HMAC_256')];
    const CiphertextBlob = base64(await blob(caller));
    return Promise.all(
      keys.map(async ({ KeyId }) => ({
        reply: await caller.call('Decrypt', { KeyId, CiphertextBlob }),
      })),
    );
  },
  'test_plaintext_size_for_encrypt/invalid-plaintext-size-encrypt': one(
    'Encrypt',
    async (caller) => ({ KeyId: (await key(caller)).KeyId, Plaintext: base64(randomBytes(4097)) }),
  ),

  'test_encrypt_decrypt_encryption_context/decrypt_response_without_encryption_context':
    withoutContext('Encrypt', 'CiphertextBlob', { Plaintext: Message }),
  'test_encrypt_decrypt_encryption_context/decrypt_response_with_invalid_ciphertext': each(
    ['Decrypt'],
    async (caller) => ({
      KeyId: (await key(caller)).KeyId,
      CiphertextBlob: base64('some random ciphertext'),
    }),
  ),
  'test_encryption_context_generate_data_key/decrypt-without-encryption-context': withoutContext(
    'GenerateDataKey',
    'CiphertextBlob',
    { KeySpec: 'AES_256' },
  ),
  'test_encryption_context_generate_data_key_without_plaintext/decrypt-without-encryption-context':
    withoutContext('GenerateDataKeyWithoutPlaintext', 'CiphertextBlob', { KeySpec: 'AES_256' }),
  'test_encryption_context_generate_data_key_pair/decrypt-without-encryption-context':
    withoutContext('GenerateDataKeyPair', 'PrivateKeyCiphertextBlob', { KeyPairSpec: 'RSA_2048' }),
  'test_encryption_context_generate_data_key_pair_without_plaintext/decrypt-without-encryption-context':
    withoutContext('GenerateDataKeyPairWithoutPlaintext', 'PrivateKeyCiphertextBlob', {
      KeyPairSpec: 'RSA_2048',
    }),
  'test_key_rotations_encryption_decryption/bad-ciphertext': async (caller) => {
    const { KeyId } = await key(caller);
    const bytes = await blob(caller);
    const changed = Buffer.from(bytes);
    changed[changed.length - 1]! ^= 1;
    return Promise.all(
      [changed, bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])].map(async (wrong) => ({
        reply: await caller.call('Decrypt', { KeyId, CiphertextBlob: base64(wrong) }),
      })),
    );
  },
  'test_re_encrypt_incorrect_source_key/incorrect-source-key': async (caller) => {
    const { KeyId } = await key(caller);
    const { KeyMetadata: other } = await succeed(caller, 'CreateKey', {});
    const CiphertextBlob = base64(await blob(caller));
    const input = { CiphertextBlob, SourceKeyId: other.KeyId, DestinationKeyId: KeyId };
    return [{ reply: await caller.call('ReEncrypt', input) }];
  },

  'test_derive_shared_secret/response-invalid-key-spec': one('CreateKey', () => ({
    KeySpec: 'RSA_2048',
    KeyUsage: 'KEY_AGREEMENT',
  })),
  'test_tag_key_with_duplicate_tag_keys_raises_error/duplicate-tag-keys': each(
    ['TagResource', 'CreateKey'],
    async (caller) => ({ KeyId: (await key(caller)).KeyId, ...tags(['tag1', 'a'], ['tag1', 'b']) }),
  ),
  'test_create_key_with_too_many_tags_raises_error/invalid-tag-key': one('CreateKey', () =>
    tags(...Array.from({ length: 51 }, (_, i) => [`key${i}`, `value${i}`] as const)),
  ),
  'test_tag_existing_key_with_invalid_tag_key/invalid-tag-key': one(
    'TagResource',
    async (caller) => ({ KeyId: (await key(caller)).KeyId, ...tags(['aws:key1', 'value1']) }),
  ),
  'test_key_with_long_tag_value_raises_error/too-long-tag-value': async (caller) => {
    const elided = 'v'.repeat(257);
    const { KeyId } = await key(caller);
    const input = { KeyId, ...tags(['tag1', elided]) };
    return Promise.all(
      ['CreateKey', 'TagResource'].map(async (operation) => ({
        reply: await caller.call(operation, input),
        values: { elided },
      })),
    );
  },
  'test_create_key_with_invalid_tag_key[lowercase_prefix]/invalid-tag-key': one('CreateKey', () =>
    tags(['aws:key1', 'value1']),
  ),
  'test_create_key_with_invalid_tag_key[uppercase_prefix]/invalid-tag-key': one('CreateKey', () =>
    tags(['AWS:key1', 'value1']),
  ),
  'test_create_key_with_invalid_tag_key[too_long_key]/invalid-tag-key': one('CreateKey', () =>
    tags(['a'.repeat(129), 'value1']),
  ),

  'test_generate_data_key_pair_dry_run/dryrun_exception': dryRun('GenerateDataKeyPair'),
  'test_generate_data_key_pair_without_plaintext_dry_run/dryrun_exception': dryRun(
    'GenerateDataKeyPairWithoutPlaintext',
  ),
};
