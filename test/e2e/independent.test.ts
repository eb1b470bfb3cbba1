/**
 * Every result that keys of a started server give, checked by programs that share no code with it: the OpenSSL command line,
 * node:crypto, @noble/curves. What those make with the server's own keys, which the test opens from the data directory by
 * docs/formats, the server takes.
 */
import { createPrivateKey, createPublicKey, randomBytes, sign as signWithNode } from 'node:crypto';
import {
  CreateKeyCommand,
  DataKeyPairSpec,
  DecryptCommand,
  EncryptCommand,
  type EncryptionAlgorithmSpec,
  GenerateDataKeyPairCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type KeyUsageType,
  type KMSClient,
  type MacAlgorithmSpec,
  ReEncryptCommand,
  SignCommand,
  type SigningAlgorithmSpec,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { openBackingKeys } from '../support/backing-keys.ts';
import { kmsClient, refusal } from '../support/clients.ts';
import {
  digestOf,
  digestScheme,
  isSignature,
  macOf,
  oaepDecrypt,
  oaepEncrypt,
  signMessage,
  spki,
} from '../support/node-crypto.ts';
import { openBlob } from '../support/open-store.ts';
import { opensslPath } from '../support/openssl.ts';
import { OpenSsl } from '../support/openssl-algorithms.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const rows = Object.values(keySpecs).filter(({ built }) => built);
const specsFor = (usage: KeyUsageType): KeySpec[] =>
  rows.filter(({ algorithms }) => algorithms[usage]).map(({ keySpec }) => keySpec);
const rsaSpecs = specsFor('ENCRYPT_DECRYPT').filter((spec) => spec.startsWith('RSA'));
const oaepAlgorithms: readonly EncryptionAlgorithmSpec[] = [
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
];

describeWithTool(opensslPath, 'openssl', 'results', () => {
  const dataDirectory = `${scratchDirectory()}/data`;
  const openssl = new OpenSsl(scratchDirectory());
  let server: StartedServer;
  let kms: KMSClient;
  let backingKey: ReturnType<typeof openBackingKeys>;

  beforeAll(async () => {
    server = await startServer({ dataDirectory });
    kms = kmsClient(server);
    backingKey = openBackingKeys(dataDirectory);
  });
  afterAll(async () => {
    kms.destroy();
    await server.stop();
  });

  async function createKey(KeySpec?: KeySpec, KeyUsage?: KeyUsageType): Promise<string> {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }));
    return KeyMetadata?.Arn ?? '';
  }
  const publicKeyOf = async (KeyId: string): Promise<Uint8Array> =>
    (await kms.send(new GetPublicKeyCommand({ KeyId }))).PublicKey!;

  it('GetPublicKey is the public half of the backing key', async () => {
    for (const spec of specsFor('SIGN_VERIFY')) {
      const KeyId = await createKey(spec, 'SIGN_VERIFY');
      const publicKey = await publicKeyOf(KeyId);
      expect(openssl.publicKeyOf(backingKey(KeyId, 'sign')).equals(publicKey), spec).toBe(true);
    }
  });

  const signing = specsFor('SIGN_VERIFY').flatMap((spec) =>
    (keySpecs[spec].algorithms.SIGN_VERIFY ?? []).map(
      (algorithm) => [spec, algorithm as SigningAlgorithmSpec] as const,
    ),
  );

  it.each(signing)('%s %s', async (spec, SigningAlgorithm) => {
    const KeyId = await createKey(spec, 'SIGN_VERIFY');
    const publicKey = await publicKeyOf(KeyId);
    const privateKey = backingKey(KeyId, 'sign');
    const message = randomBytes(4096);
    const digest = digestOf(SigningAlgorithm, message);
    const asMessage = { Message: message, MessageType: 'RAW' } as const;
    const asDigest = { Message: digest, MessageType: 'DIGEST' } as const;
    const nodeKeys = {
      public: createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }),
      private: createPrivateKey({ key: privateKey, type: 'pkcs8', format: 'der' }),
    };
    const scheme = digestScheme(SigningAlgorithm);

    for (const given of [asMessage, asDigest]) {
      const { Signature } = await kms.send(new SignCommand({ KeyId, SigningAlgorithm, ...given }));
      const signature = Signature!;
      expect(openssl.verify(SigningAlgorithm, publicKey, { message }, signature)).toBe(true);
      expect(openssl.verify(SigningAlgorithm, publicKey, { digest }, signature)).toBe(true);
      expect(isSignature(SigningAlgorithm, nodeKeys.public, message, signature)).toBe(true);
      // noble for ECDSA, RFC 8017 over RSA without padding else.
      expect(scheme.verify(nodeKeys.public, digest, signature)).toBe(true);
      const other = { message: message.subarray(1) };
      expect(openssl.verify(SigningAlgorithm, publicKey, other, signature)).toBe(false);
    }

    const outside = {
      'openssl, message': openssl.sign(SigningAlgorithm, privateKey, { message }),
      'openssl, digest': openssl.sign(SigningAlgorithm, privateKey, { digest }),
      'node:crypto': signMessage(SigningAlgorithm, nodeKeys.private, message),
      'noble, or RFC 8017': scheme.sign(nodeKeys.private, digest),
    };
    for (const [signer, Signature] of Object.entries(outside)) {
      for (const given of [asMessage, asDigest]) {
        const input = { KeyId, SigningAlgorithm, ...given, Signature };
        const { SignatureValid } = await kms.send(new VerifyCommand(input));
        expect(SignatureValid, signer).toBe(true);
      }
      const wrong = Buffer.from(Signature);
      wrong[wrong.length - 1]! ^= 1;
      const input = { KeyId, SigningAlgorithm, ...asMessage, Signature: wrong };
      expect((await refusal(kms.send(new VerifyCommand(input)))).name, signer).toBe(
        'KMSInvalidSignatureException',
      );
    }
  });

  it('ECDSA signatures with the other s are as good', async () => {
    const KeyId = await createKey('ECC_SECG_P256K1', 'SIGN_VERIFY');
    const Message = Buffer.from('either');
    const algorithm = { KeyId, SigningAlgorithm: 'ECDSA_SHA_256', Message } as const;
    const { Signature } = await kms.send(new SignCommand(algorithm));
    const { r, s } = secp256k1.Signature.fromBytes(Signature!, 'der');
    const other = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s).toBytes('der');
    const verified = await kms.send(new VerifyCommand({ ...algorithm, Signature: other }));
    expect(verified.SignatureValid).toBe(true);
  });

  it.each([
    { saltLength: 0, mgf1: 'sha256' },
    { saltLength: 20, mgf1: 'sha256' },
    { saltLength: 222, mgf1: 'sha256' },
    { saltLength: 32, mgf1: 'sha1' },
  ])('PSS with other parameters is refused: $saltLength, $mgf1', async ({ saltLength, mgf1 }) => {
    const KeyId = await createKey('RSA_2048', 'SIGN_VERIFY');
    const Message = Buffer.from('a message');
    const key = backingKey(KeyId, 'sign');
    const salt = ['-sigopt', `rsa_pss_saltlen:${saltLength}`, '-sigopt', `rsa_mgf1_md:${mgf1}`];
    const Signature = openssl.run(
      ...['dgst', '-sha256', '-sigopt', 'rsa_padding_mode:pss', ...salt],
      ...['-keyform', 'DER', '-sign', openssl.file(key), openssl.file(Message)],
    );
    const SigningAlgorithm = 'RSASSA_PSS_SHA_256';
    const verify = new VerifyCommand({ KeyId, SigningAlgorithm, Message, Signature });
    expect((await refusal(kms.send(verify))).name).toBe('KMSInvalidSignatureException');
  });

  it('a DIGEST that node:crypto signed without hashing is not hashed again', async () => {
    const KeyId = await createKey('RSA_2048', 'SIGN_VERIFY');
    const SigningAlgorithm = 'RSASSA_PKCS1_V1_5_SHA_256';
    const Message = digestOf(SigningAlgorithm, Buffer.from('once'));
    const input = { KeyId, SigningAlgorithm, Message, MessageType: 'DIGEST' } as const;
    const { Signature } = await kms.send(new SignCommand(input));
    const key = createPrivateKey({
      key: backingKey(KeyId, 'sign'),
      type: 'pkcs8',
      format: 'der',
    });
    expect(Buffer.from(Signature!).equals(signWithNode('sha256', Buffer.from('once'), key))).toBe(
      true,
    );
  });

  it.each(rsaSpecs)('%s encrypts and decrypts', async (spec) => {
    const KeyId = await createKey(spec, 'ENCRYPT_DECRYPT');
    const publicKey = await publicKeyOf(KeyId);
    const privateKey = backingKey(KeyId, 'decrypt');
    expect(openssl.publicKeyOf(privateKey).equals(publicKey)).toBe(true);
    const nodeKeys = {
      public: createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }),
      private: createPrivateKey({ key: privateKey, type: 'pkcs8', format: 'der' }),
    };
    for (const EncryptionAlgorithm of oaepAlgorithms) {
      const algorithm = { KeyId, EncryptionAlgorithm };
      for (const length of [1, keySpecs[spec].plaintextLengthMax?.[EncryptionAlgorithm] ?? 0]) {
        const Plaintext = randomBytes(length);
        const sealed = (await kms.send(new EncryptCommand({ ...algorithm, Plaintext })))
          .CiphertextBlob!;
        expect(openssl.decrypt(EncryptionAlgorithm, privateKey, sealed).equals(Plaintext)).toBe(
          true,
        );
        expect(oaepDecrypt(EncryptionAlgorithm, nodeKeys.private, sealed).equals(Plaintext)).toBe(
          true,
        );
        for (const CiphertextBlob of [
          openssl.encrypt(EncryptionAlgorithm, publicKey, Plaintext),
          oaepEncrypt(EncryptionAlgorithm, nodeKeys.public, Plaintext),
        ]) {
          const opened = await kms.send(new DecryptCommand({ ...algorithm, CiphertextBlob }));
          expect(Plaintext.equals(opened.Plaintext!)).toBe(true);
        }
      }
    }
  });

  it.each(specsFor('GENERATE_VERIFY_MAC'))('%s authenticates', async (spec) => {
    const KeyId = await createKey(spec, 'GENERATE_VERIFY_MAC');
    const [MacAlgorithm] = keySpecs[spec].algorithms.GENERATE_VERIFY_MAC as [MacAlgorithmSpec];
    const key = backingKey(KeyId, 'mac');
    expect(key).toHaveLength(keySpecs[spec].macLength!);
    for (const length of [1, 128, 4096]) {
      const Message = randomBytes(length);
      const input = { KeyId, MacAlgorithm, Message };
      const { Mac } = await kms.send(new GenerateMacCommand(input));
      const [node, command] = [
        macOf(MacAlgorithm, key, Message),
        openssl.mac(MacAlgorithm, key, Message),
      ];
      expect(node.equals(Mac!)).toBe(true);
      expect(command.equals(Mac!)).toBe(true);
      const verified = await kms.send(new VerifyMacCommand({ ...input, Mac: node }));
      expect(verified.MacValid).toBe(true);
    }
  });

  describe('data key pairs', () => {
    const pairSpecs = Object.values(DataKeyPairSpec).filter((spec) => keySpecs[spec].built);

    it.each(pairSpecs)('%s', async (KeyPairSpec) => {
      const KeyId = await createKey();
      const EncryptionContext = { pair: KeyPairSpec, ключ: 'é' };
      const input = { KeyId, KeyPairSpec, EncryptionContext };
      const shown = await kms.send(new GenerateDataKeyPairCommand(input));
      const hidden = await kms.send(new GenerateDataKeyPairWithoutPlaintextCommand(input));
      const context = { EncryptionContext };
      for (const { PublicKey, PrivateKeyCiphertextBlob } of [shown, hidden]) {
        const blob = { CiphertextBlob: PrivateKeyCiphertextBlob };
        const { Plaintext } = await kms.send(new DecryptCommand({ ...blob, ...context }));
        expect(openssl.publicKeyOf(Plaintext!).equals(PublicKey!)).toBe(true);
        const key = createPrivateKey({
          key: Buffer.from(Plaintext!),
          type: 'pkcs8',
          format: 'der',
        });
        expect(spki(createPublicKey(key)).equals(PublicKey!)).toBe(true);
        const fromOutside = openBlob(
          backingKey(KeyId, 'seal'),
          PrivateKeyCiphertextBlob!,
          EncryptionContext,
        );
        expect(fromOutside.equals(Plaintext!)).toBe(true);
      }
      expect(openssl.publicKeyOf(shown.PrivateKeyPlaintext!).equals(shown.PublicKey!)).toBe(true);
      expect(Buffer.from(hidden.PublicKey!).equals(shown.PublicKey!)).toBe(false);
    });
  });

  it('ReEncrypt moves plaintexts between RSA and symmetric keys', async () => {
    const Plaintext = randomBytes(190);
    const EncryptionContext = { from: 'here' };
    const [symmetric, otherSymmetric] = [await createKey(), await createKey()];
    const [rsa, otherRsa] = [
      await createKey('RSA_2048', 'ENCRYPT_DECRYPT'),
      await createKey('RSA_3072', 'ENCRYPT_DECRYPT'),
    ];
    const toRsa = (KeyId: string, algorithm: EncryptionAlgorithmSpec) => ({
      DestinationKeyId: KeyId,
      DestinationEncryptionAlgorithm: algorithm,
    });
    const fromRsa = (KeyId: string, algorithm: EncryptionAlgorithmSpec) => ({
      SourceKeyId: KeyId,
      SourceEncryptionAlgorithm: algorithm,
    });
    const { CiphertextBlob: sealed } = await kms.send(
      new EncryptCommand({ KeyId: symmetric, Plaintext, EncryptionContext }),
    );

    const moved = await kms.send(
      new ReEncryptCommand({
        CiphertextBlob: sealed,
        SourceEncryptionContext: EncryptionContext,
        DestinationKeyId: otherSymmetric,
        DestinationEncryptionContext: { to: 'there' },
      }),
    );
    const seal = backingKey(otherSymmetric, 'seal');
    expect(openBlob(seal, moved.CiphertextBlob!, { to: 'there' }).equals(Plaintext)).toBe(true);

    for (const algorithm of oaepAlgorithms) {
      const out = await kms.send(
        new ReEncryptCommand({
          CiphertextBlob: sealed,
          SourceEncryptionContext: EncryptionContext,
          ...toRsa(rsa, algorithm),
        }),
      );
      expect(out).toMatchObject({ SourceKeyId: symmetric, KeyId: rsa });
      const opened = openssl.decrypt(algorithm, backingKey(rsa, 'decrypt'), out.CiphertextBlob!);
      expect(opened.equals(Plaintext)).toBe(true);

      const outside = openssl.encrypt(algorithm, await publicKeyOf(rsa), Plaintext);
      const back = await kms.send(
        new ReEncryptCommand({
          CiphertextBlob: outside,
          ...fromRsa(rsa, algorithm),
          DestinationKeyId: symmetric,
          DestinationEncryptionContext: { back: algorithm },
        }),
      );
      const key = backingKey(symmetric, 'seal');
      expect(openBlob(key, back.CiphertextBlob!, { back: algorithm }).equals(Plaintext)).toBe(true);

      const across = await kms.send(
        new ReEncryptCommand({
          CiphertextBlob: outside,
          ...fromRsa(rsa, algorithm),
          ...toRsa(otherRsa, 'RSAES_OAEP_SHA_256'),
        }),
      );
      const arrived = openssl.decrypt(
        'RSAES_OAEP_SHA_256',
        backingKey(otherRsa, 'decrypt'),
        across.CiphertextBlob!,
      );
      expect(arrived.equals(Plaintext)).toBe(true);
    }
  });
});
