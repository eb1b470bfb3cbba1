import { beforeEach, describe, expect, it } from 'vitest';
import {
  arnOf,
  base64,
  KmsHarness,
  otherAccountId,
  unknownKeyId,
} from '../../../support/kms-harness.ts';
import { fromSpki, oaepEncrypt } from '../../../support/node-crypto.ts';

let kms: KmsHarness;
let source: string;
let destination: string;
const Plaintext = base64('attack at dawn');
const OAEP = 'RSAES_OAEP_SHA_256';
const incorrectKey =
  'IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation.';

beforeEach(async () => {
  kms = new KmsHarness();
  [source, destination] = [await kms.createKey(), await kms.createKey()];
});

const rsaKey = () => kms.createKey({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
const materialOf = async (KeyId: string): Promise<string> =>
  (await kms.ok('DescribeKey', { KeyId })).KeyMetadata.CurrentKeyMaterialId;
const encrypt = async (input: object = {}): Promise<string> =>
  (await kms.ok('Encrypt', { KeyId: source, Plaintext, ...input })).CiphertextBlob;

describe('ReEncrypt', () => {
  it('from key to key: answers both, with algorithms and materials', async () => {
    const CiphertextBlob = await encrypt();
    const body = await kms.ok('ReEncrypt', { CiphertextBlob, DestinationKeyId: destination });
    expect(body).toEqual({
      CiphertextBlob: expect.any(String),
      SourceKeyId: arnOf(source),
      KeyId: arnOf(destination),
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      SourceKeyMaterialId: await materialOf(source),
      DestinationKeyMaterialId: await materialOf(destination),
    });
    expect(await kms.ok('Decrypt', { CiphertextBlob: body.CiphertextBlob })).toMatchObject({
      KeyId: arnOf(destination),
      Plaintext,
    });
  });

  it('shows the plaintext to nobody', async () => {
    const CiphertextBlob = await encrypt();
    await kms.ok('ReEncrypt', { CiphertextBlob, DestinationKeyId: destination });
    expect(kms.keyStore.plaintexts).toEqual([]);
  });

  it('changes the context under one key', async () => {
    const [before, after] = [{ a: '1' }, { b: '2' }];
    const blob = await encrypt({ EncryptionContext: before });
    const input = {
      CiphertextBlob: blob,
      SourceEncryptionContext: before,
      DestinationKeyId: source,
      DestinationEncryptionContext: after,
    };
    const { CiphertextBlob } = await kms.ok('ReEncrypt', input);
    await kms.ok('Decrypt', { CiphertextBlob, EncryptionContext: after });
    for (const EncryptionContext of [before, undefined])
      expect(await kms.error('Decrypt', { CiphertextBlob, EncryptionContext })).toBe(
        'InvalidCiphertextException',
      );
    for (const wrong of [undefined, after])
      expect(await kms.error('ReEncrypt', { ...input, SourceEncryptionContext: wrong })).toBe(
        'InvalidCiphertextException',
      );
  });

  it('to an RSA key and from it', async () => {
    const rsa = await rsaKey();
    const there = await kms.ok('ReEncrypt', {
      CiphertextBlob: await encrypt(),
      DestinationKeyId: rsa,
      DestinationEncryptionAlgorithm: OAEP,
    });
    expect(there).toEqual({
      CiphertextBlob: expect.any(String),
      SourceKeyId: arnOf(source),
      KeyId: arnOf(rsa),
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: OAEP,
      SourceKeyMaterialId: await materialOf(source),
    });
    const fromRsa = {
      CiphertextBlob: there.CiphertextBlob,
      SourceKeyId: rsa,
      SourceEncryptionAlgorithm: OAEP,
    };
    const back = await kms.ok('ReEncrypt', { ...fromRsa, DestinationKeyId: destination });
    expect(back).toMatchObject({
      SourceKeyId: arnOf(rsa),
      DestinationKeyMaterialId: await materialOf(destination),
    });
    expect(back).not.toHaveProperty('SourceKeyMaterialId');
    const { CiphertextBlob } = back;
    expect((await kms.ok('Decrypt', { CiphertextBlob })).Plaintext).toBe(Plaintext);

    const other = await rsaKey();
    const again = await kms.ok('ReEncrypt', {
      ...fromRsa,
      DestinationKeyId: other,
      DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    });
    const opened = await kms.ok('Decrypt', {
      CiphertextBlob: again.CiphertextBlob,
      KeyId: other,
      EncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    });
    expect(opened.Plaintext).toBe(Plaintext);
  });

  it('refuses what is too long for the destination, and what is nothing at all', async () => {
    const rsa = await rsaKey();
    const CiphertextBlob = await encrypt({ Plaintext: base64(Buffer.alloc(191)) });
    expect(
      await kms.error('ReEncrypt', {
        CiphertextBlob,
        DestinationKeyId: rsa,
        DestinationEncryptionAlgorithm: OAEP,
      }),
    ).toBe(
      `ValidationException: Algorithm ${OAEP} and key spec RSA_2048 cannot encrypt data larger than 190 bytes.`,
    );
    const { PublicKey } = await kms.ok('GetPublicKey', { KeyId: rsa });
    const publicKey = fromSpki(Buffer.from(PublicKey, 'base64'));
    expect(
      await kms.error('ReEncrypt', {
        CiphertextBlob: base64(oaepEncrypt(OAEP, publicKey, Buffer.of())),
        SourceKeyId: rsa,
        SourceEncryptionAlgorithm: OAEP,
        DestinationKeyId: destination,
      }),
    ).toBe('InvalidCiphertextException');
  });

  it('refuses a source that is not the key of the ciphertext', async () => {
    const CiphertextBlob = await encrypt();
    const input = { CiphertextBlob, DestinationKeyId: destination };
    await kms.ok('ReEncrypt', { ...input, SourceKeyId: source });
    for (const SourceKeyId of [
      destination,
      await rsaKey(),
      await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }),
    ])
      expect(await kms.error('ReEncrypt', { ...input, SourceKeyId })).toBe(incorrectKey);
  });

  it('refuses keys of other usages, unknown ones and those of others', async () => {
    const CiphertextBlob = await encrypt();
    const signing = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    expect(await kms.error('ReEncrypt', { CiphertextBlob, DestinationKeyId: signing })).toBe(
      `InvalidKeyUsageException: ${arnOf(signing)} key usage is SIGN_VERIFY which is not valid for ReEncrypt.`,
    );
    expect(await kms.error('ReEncrypt', { CiphertextBlob, DestinationKeyId: unknownKeyId })).toBe(
      `NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`,
    );
    const theirs = arnOf(await kms.createKey({}, { account: otherAccountId }), otherAccountId);
    expect(await kms.error('ReEncrypt', { CiphertextBlob, DestinationKeyId: theirs })).toMatch(
      /^AccessDeniedException: .* perform: kms:ReEncryptTo on this resource/,
    );
    expect(
      await kms.error('ReEncrypt', {
        CiphertextBlob,
        SourceKeyId: theirs,
        DestinationKeyId: destination,
      }),
    ).toMatch(/^AccessDeniedException: .* perform: kms:ReEncryptFrom on this resource/);
  });

  it('refuses algorithms of other key specs on either side, and contexts of RSA keys', async () => {
    const rsa = await rsaKey();
    const CiphertextBlob = await encrypt();
    for (const [input, refusal] of [
      [
        { DestinationKeyId: rsa },
        'InvalidKeyUsageException: Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
      ],
      [
        { DestinationKeyId: destination, DestinationEncryptionAlgorithm: OAEP },
        `InvalidKeyUsageException: Algorithm ${OAEP} is incompatible with key spec SYMMETRIC_DEFAULT.`,
      ],
      [
        {
          DestinationKeyId: rsa,
          DestinationEncryptionAlgorithm: OAEP,
          DestinationEncryptionContext: { a: 'b' },
        },
        'ValidationException: EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.',
      ],
      [
        {
          DestinationKeyId: destination,
          SourceKeyId: source,
          SourceEncryptionAlgorithm: OAEP,
        },
        `InvalidKeyUsageException: Algorithm ${OAEP} is incompatible with key spec SYMMETRIC_DEFAULT.`,
      ],
    ] as const)
      expect(await kms.error('ReEncrypt', { CiphertextBlob, ...input })).toBe(refusal);
    expect(
      await kms.error('ReEncrypt', {
        CiphertextBlob,
        DestinationKeyId: destination,
        SourceEncryptionAlgorithm: OAEP,
      }),
    ).toMatch(/^ValidationException: .*'sourceKeyId'/);
  });

  it.each(['source', 'destination'])('refuses a disabled %s', async (which) => {
    const CiphertextBlob = await encrypt();
    const KeyId = which === 'source' ? source : destination;
    await kms.ok('DisableKey', { KeyId });
    const input = { CiphertextBlob, DestinationKeyId: destination };
    expect(await kms.error('ReEncrypt', input)).toBe(
      `DisabledException: ${arnOf(KeyId)} is disabled.`,
    );
    await kms.ok('EnableKey', { KeyId });
    expect(await kms.error('ReEncrypt', { ...input, DryRun: true })).toMatch(
      /^DryRunOperationException/,
    );
  });

  it('checks authorization alone when asked to', async () => {
    const dryRun = { DryRun: true, DryRunModifiers: ['IGNORE_CIPHERTEXT'] };
    const keys = { SourceKeyId: source, DestinationKeyId: destination };
    expect(await kms.error('ReEncrypt', { ...dryRun, ...keys })).toMatch(/^DryRunOperation/);
    expect(await kms.error('ReEncrypt', { ...dryRun, DestinationKeyId: destination })).toMatch(
      /^ValidationException: .*'sourceKeyId'/,
    );
  });

  it('is recorded with both keys and contexts, without ciphertext', async () => {
    const CiphertextBlob = await encrypt();
    await kms.ok('ReEncrypt', {
      CiphertextBlob,
      DestinationKeyId: destination,
      DestinationEncryptionContext: { a: 'b' },
    });
    expect(kms.events.at(-1)).toMatchObject({
      operation: 'ReEncrypt',
      readOnly: true,
      resources: [arnOf(source), arnOf(destination)],
    });
    expect(kms.events.at(-1)?.parameters).toEqual({
      destinationKeyId: destination,
      destinationEncryptionContext: { a: 'b' },
    });
  });
});
