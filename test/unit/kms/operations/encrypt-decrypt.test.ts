import { beforeEach, describe, expect, it } from 'vitest';
import {
  blobHeader,
  blobLength,
  encodeBlob,
  parseBlob,
} from '../../../../src/kms/ciphertext-blob.ts';
import {
  accountId,
  arnOf,
  base64,
  KmsHarness,
  otherAccountId,
  otherRegion,
  region,
  rootArn,
  unknownKeyId,
} from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let keyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  keyId = await kms.createKey();
});

async function encrypt(input: object = {}): Promise<string> {
  const Plaintext = base64('attack at dawn');
  return (await kms.ok('Encrypt', { KeyId: keyId, Plaintext, ...input })).CiphertextBlob;
}

describe('Encrypt', () => {
  it('answers blob, ARN and algorithm, and not the material id', async () => {
    const body = await kms.ok('Encrypt', { KeyId: keyId, Plaintext: base64('x') });
    expect(Object.keys(body)).toEqual(['CiphertextBlob', 'KeyId', 'EncryptionAlgorithm']);
    expect(body).toMatchObject({ KeyId: arnOf(keyId), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    expect(Buffer.from(body.CiphertextBlob, 'base64')).toHaveLength(blobLength(1));
  });

  it('takes the key ARN', async () => {
    const body = await kms.ok('Encrypt', { KeyId: arnOf(keyId), Plaintext: base64('x') });
    expect(body.KeyId).toBe(arnOf(keyId));
  });

  it('gives another blob each time', async () => {
    expect(await encrypt()).not.toBe(await encrypt());
  });

  it('takes 1 to 4,096 bytes', async () => {
    const refusal =
      "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length";
    for (const length of [1, 4096]) {
      const Plaintext = base64(Buffer.alloc(length, 7));
      const CiphertextBlob = await encrypt({ Plaintext });
      expect((await kms.ok('Decrypt', { CiphertextBlob })).Plaintext).toBe(Plaintext);
    }
    expect(
      await kms.error('Encrypt', { KeyId: keyId, Plaintext: base64(Buffer.alloc(4097)) }),
    ).toBe(`ValidationException: ${refusal} less than or equal to 4096`);
    expect(await kms.error('Encrypt', { KeyId: keyId, Plaintext: '' })).toBe(
      `ValidationException: ${refusal} greater than or equal to 1`,
    );
  });

  it('wants a KeyId', async () => {
    expect(await kms.error('Encrypt', { Plaintext: base64('x') })).toBe(
      "ValidationException: 1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    );
  });

  it('refuses algorithms of other key specs', async () => {
    expect(
      await kms.error('Encrypt', {
        KeyId: keyId,
        Plaintext: base64('x'),
        EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      }),
    ).toBe(
      'InvalidKeyUsageException: Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.',
    );
  });

  it('wipes the plaintext and shows it nowhere', async () => {
    const Plaintext = base64('a rather recognisable secret');
    await encrypt({ Plaintext });
    expect(kms.keyStore.sealed).toEqual([Buffer.alloc(28)]);
    kms.keyStore.failure = new Error('sealing failed');
    await kms.call('Encrypt', { KeyId: keyId, Plaintext });
    expect(kms.keyStore.sealed).toEqual([Buffer.alloc(28), Buffer.alloc(28)]);
    expect(JSON.stringify([kms.events, kms.store.audit])).not.toContain(Plaintext);
  });
});

// Every operation that uses a key refuses in the same ways.
describe.each(['Encrypt', 'Decrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'])(
  '%s',
  (operation) => {
    const inputs = async (KeyId: string | undefined): Promise<object> => {
      const specific = {
        Encrypt: { Plaintext: base64('x') },
        Decrypt: { CiphertextBlob: await encrypt() },
        GenerateDataKey: { KeySpec: 'AES_256' },
        GenerateDataKeyWithoutPlaintext: { KeySpec: 'AES_256' },
      }[operation];
      return { ...specific, ...(KeyId !== undefined && { KeyId }) };
    };

    it('refuses a disabled key', async () => {
      const input = await inputs(keyId);
      await kms.ok('DisableKey', { KeyId: keyId });
      expect(await kms.error(operation, input)).toBe(
        `DisabledException: ${arnOf(keyId)} is disabled.`,
      );
      await kms.ok('EnableKey', { KeyId: keyId });
      await kms.ok(operation, input);
    });

    it('refuses KeyIds that name no key', async () => {
      const refusals: Record<string, string> = {
        [unknownKeyId]: `NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`,
        [arnOf(unknownKeyId)]: `NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`,
        'fake-key-id': "NotFoundException: Invalid keyId 'fake-key-id'",
        [unknownKeyId.replaceAll('-', '')]:
          `NotFoundException: Invalid keyId '${unknownKeyId.replaceAll('-', '')}'`,
        'mrk-fake-key-id': "NotFoundException: Invalid keyId 'mrk-fake-key-id'",
        [arnOf('fake')]: "NotFoundException: Invalid keyId 'fake'",
        [arnOf(keyId, accountId, otherRegion)]: `NotFoundException: Invalid arn ${otherRegion}`,
        [`arn:aws:s3:${region}:${accountId}:key/${keyId}`]: `NotFoundException: Invalid arn arn:aws:s3:${region}:${accountId}:key/${keyId}`,
        'alias/missing': `NotFoundException: Alias arn:aws:kms:${region}:${accountId}:alias/missing is not found.`,
        [`arn:aws:kms:${region}:${accountId}:alias/missing`]: `NotFoundException: Alias arn:aws:kms:${region}:${accountId}:alias/missing is not found.`,
      };
      for (const [KeyId, refusal] of Object.entries(refusals))
        expect(await kms.error(operation, await inputs(KeyId)), KeyId).toBe(refusal);
    });

    it("does not tell whether another account's key exists", async () => {
      const theirs = await kms.createKey({}, { account: otherAccountId });
      for (const id of [theirs, unknownKeyId])
        expect(await kms.error(operation, await inputs(arnOf(id, otherAccountId)))).toBe(
          `AccessDeniedException: User: ${rootArn()} is not authorized to perform: kms:${operation} on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`,
        );
      expect(kms.events.at(-1)).toMatchObject({ operation, errorCode: 'AccessDenied' });
      expect(kms.events.at(-1)).not.toHaveProperty('parameters');
    });

    it('refuses grant tokens, since there are no grants', async () => {
      const input = await inputs(keyId);
      expect(await kms.error(operation, { ...input, GrantTokens: ['token'] })).toBe(
        'InvalidGrantTokenException',
      );
      await kms.ok(operation, { ...input, GrantTokens: [] });
    });

    it('does nothing in a dry run, after all checks', async () => {
      const input = { ...(await inputs(keyId)), DryRun: true };
      const { useCount } = kms.keyStore;
      expect(await kms.error(operation, input)).toBe(
        'DryRunOperationException: The request would have succeeded, but the DryRun option is set.',
      );
      expect(kms.keyStore.useCount).toBe(useCount);
      await kms.ok('DisableKey', { KeyId: keyId });
      expect(await kms.error(operation, input)).toBe(
        `DisabledException: ${arnOf(keyId)} is disabled.`,
      );
    });

    it('refuses lone surrogates in the encryption context', async () => {
      const input = JSON.stringify({ ...(await inputs(keyId)), EncryptionContext: { a: 'XX' } });
      const { body } = await kms.send(operation, input.replace('XX', '\\ud800'));
      expect(['SerializationException', 'ValidationException']).toContain(body.__type);
    });

    it('is recorded with its key and without its secrets', async () => {
      const input = { ...(await inputs(keyId)), EncryptionContext: { purpose: 'test' } };
      await kms.call(operation, input);
      const event = kms.events.at(-1);
      expect(event).toMatchObject({
        operation,
        region,
        readOnly: true,
        resources: [arnOf(keyId)],
        sourceAddress: '127.0.0.1',
        userAgent: 'test/1',
        parameters: { keyId, encryptionContext: { purpose: 'test' } },
      });
      expect(Object.keys(event?.parameters ?? {})).not.toContain('plaintext');
      expect(Object.keys(event?.parameters ?? {})).not.toContain('ciphertextBlob');
    });
  },
);

describe('Decrypt', () => {
  it('answers plaintext, ARN, algorithm and material id', async () => {
    const { KeyMetadata } = await kms.ok('DescribeKey', { KeyId: keyId });
    expect(await kms.ok('Decrypt', { CiphertextBlob: await encrypt() })).toEqual({
      KeyId: arnOf(keyId),
      Plaintext: base64('attack at dawn'),
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      KeyMaterialId: KeyMetadata.CurrentKeyMaterialId,
    });
  });

  it('wipes the plaintext after the answer was written', async () => {
    await kms.ok('Decrypt', { CiphertextBlob: await encrypt() });
    expect(kms.keyStore.plaintexts).toHaveLength(1);
    expect(kms.keyStore.plaintexts[0]?.every((byte) => byte === 0)).toBe(true);
  });

  it('takes the same context in any order, and no other', async () => {
    const CiphertextBlob = await encrypt({ EncryptionContext: { a: '1', b: '2' } });
    await kms.ok('Decrypt', { CiphertextBlob, EncryptionContext: { b: '2', a: '1' } });
    for (const EncryptionContext of [
      undefined,
      {},
      { a: '1' },
      { A: '1', b: '2' },
      { a: '2', b: '1' },
      { a: '1', b: '2', c: '' },
    ])
      expect(await kms.error('Decrypt', { CiphertextBlob, EncryptionContext })).toBe(
        'InvalidCiphertextException',
      );
  });

  it('takes an empty context for an absent one', async () => {
    await kms.ok('Decrypt', { CiphertextBlob: await encrypt({ EncryptionContext: {} }) });
    await kms.ok('Decrypt', { CiphertextBlob: await encrypt(), EncryptionContext: {} });
  });

  it('takes __proto__ for a name like any other', async () => {
    const send = async (operation: string, input: object, context: string) => {
      const text = JSON.stringify({ ...input, EncryptionContext: 'CONTEXT' }).replace(
        '"CONTEXT"',
        context,
      );
      return kms.send(operation, text);
    };
    const input = { KeyId: keyId, Plaintext: base64('x') };
    const { body } = await send('Encrypt', input, '{"__proto__":"a","constructor":"b"}');
    const { CiphertextBlob } = body;
    expect(await kms.error('Decrypt', { CiphertextBlob })).toBe('InvalidCiphertextException');
    const wrong = await send('Decrypt', { CiphertextBlob }, '{"__proto__":"b","constructor":"b"}');
    expect(wrong.body).toEqual({ __type: 'InvalidCiphertextException' });
    const right = await send('Decrypt', { CiphertextBlob }, '{"constructor":"b","__proto__":"a"}');
    expect(right.body.Plaintext).toBe(base64('x'));
    const shown = kms.events.at(-1)?.parameters?.encryptionContext as object;
    expect(Object.entries(shown).sort()).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  it('refuses what is no blob of ours', async () => {
    const blob = Buffer.from(await encrypt(), 'base64');
    const notBlobs = [
      Buffer.from('garbage'),
      Buffer.alloc(6144),
      blob.subarray(0, -1),
      Buffer.concat([blob, Buffer.of(0)]),
      blob.subarray(1),
      Buffer.from('AQICAHgAAAAA', 'base64'),
    ];
    for (const notBlob of notBlobs)
      expect(await kms.error('Decrypt', { CiphertextBlob: base64(notBlob) })).toBe(
        'InvalidCiphertextException',
      );
    expect(await kms.error('Decrypt', { CiphertextBlob: base64(Buffer.alloc(6145)) })).toMatch(
      /^ValidationException/,
    );
    expect(await kms.error('Decrypt', {})).toMatch(
      /^ValidationException: .*'ciphertextBlob'.* must not be null$/,
    );
  });

  it('refuses a blob with any one bit changed', async () => {
    const blob = Buffer.from(await encrypt({ Plaintext: base64('x') }), 'base64');
    for (let bit = 0; bit < blob.length * 8; bit += 1) {
      const changed = Buffer.from(blob);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(await kms.error('Decrypt', { CiphertextBlob: base64(changed) }), `bit ${bit}`).toBe(
        'InvalidCiphertextException',
      );
    }
  });

  it('refuses a KeyId that is not the key of the blob', async () => {
    const CiphertextBlob = await encrypt();
    const KeyId = await kms.createKey();
    const refusal =
      'IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation.';
    expect(await kms.error('Decrypt', { CiphertextBlob, KeyId })).toBe(refusal);
    expect(await kms.error('Decrypt', { CiphertextBlob, KeyId: arnOf(KeyId) })).toBe(refusal);
    await kms.ok('DisableKey', { KeyId });
    expect(await kms.error('Decrypt', { CiphertextBlob, KeyId })).toBe(refusal);
  });

  it('refuses blobs of keys that are not here or not the caller’s', async () => {
    const CiphertextBlob = await encrypt();
    const refusal =
      'AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.';
    expect(await kms.error('Decrypt', { CiphertextBlob }, { account: otherAccountId })).toBe(
      refusal,
    );
    expect(await kms.error('Decrypt', { CiphertextBlob }, { region: otherRegion })).toBe(refusal);
  });

  it('refuses a blob of material that the key does not have', async () => {
    const blob = Buffer.from(await encrypt(), 'base64');
    const parsed = parseBlob(blob)!;
    const header = blobHeader({ ...parsed, materialId: 'ab'.repeat(32) });
    expect(await kms.error('Decrypt', { CiphertextBlob: base64(encodeBlob(header, parsed)) })).toBe(
      'InvalidCiphertextException',
    );
  });

  it('refuses a recipient', async () => {
    const input = {
      CiphertextBlob: await encrypt(),
      Recipient: { AttestationDocument: base64('x') },
    };
    expect(await kms.error('Decrypt', input)).toBe(
      'UnsupportedOperationException: Recipient is not supported by this version.',
    );
  });

  it('checks authorization alone when asked to', async () => {
    const DryRunModifiers = ['IGNORE_CIPHERTEXT'];
    expect(await kms.error('Decrypt', { KeyId: keyId, DryRun: true, DryRunModifiers })).toMatch(
      /^DryRunOperation/,
    );
    expect(await kms.error('Decrypt', { KeyId: keyId, DryRunModifiers })).toMatch(
      /^ValidationException/,
    );
    expect(await kms.error('Decrypt', { DryRun: true, DryRunModifiers })).toMatch(
      /^ValidationException: .*'keyId'/,
    );
    expect(await kms.error('Decrypt', { KeyId: keyId, DryRun: true })).toMatch(
      /^ValidationException: .*'ciphertextBlob'/,
    );
  });
});
