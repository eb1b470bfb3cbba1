/**
 * An Ethereum account whose key is an ECC_SECG_P256K1 KMS key: ethers builds what is signed and recovers who signed it.
 */
import {
  CreateKeyCommand,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  AbstractSigner,
  computeAddress,
  getBytes,
  hashMessage,
  keccak256,
  recoverAddress,
  resolveProperties,
  Signature,
  Transaction,
  type TransactionLike,
  type TransactionRequest,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
  verifyMessage,
  verifyTypedData,
} from 'ethers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { fromSpki } from '../support/node-crypto.ts';

const order = secp256k1.Point.Fn.ORDER;
const POINT_BYTES = 65;

class KmsSigner extends AbstractSigner {
  readonly #kms: KMSClient;
  readonly #keyId: string;
  readonly #address: string;

  private constructor(kms: KMSClient, keyId: string, address: string) {
    super();
    this.#kms = kms;
    this.#keyId = keyId;
    this.#address = address;
  }

  static async of(kms: KMSClient, KeyId: string): Promise<KmsSigner> {
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    // A SubjectPublicKeyInfo of this curve ends with the uncompressed point.
    return new KmsSigner(kms, KeyId, computeAddress(hex(PublicKey!.subarray(-POINT_BYTES))));
  }

  override async getAddress(): Promise<string> {
    return this.#address;
  }

  override connect(): never {
    throw new Error('there is no chain');
  }

  async signDigest(digest: string): Promise<Signature> {
    const answer = await this.#kms.send(
      new SignCommand({
        KeyId: this.#keyId,
        Message: getBytes(digest),
        MessageType: 'DIGEST',
        SigningAlgorithm: 'ECDSA_SHA_256',
      }),
    );
    return this.fromDer(digest, answer.Signature!);
  }

  /** Ethereum takes the lower of the two values of s only (EIP-2), where KMS gives either, and names the public key by v. */
  fromDer(digest: string, der: Uint8Array): Signature {
    const { r, s } = secp256k1.Signature.fromBytes(der, 'der');
    const numbers = { r: word(r), s: word(s > order / 2n ? order - s : s) };
    for (const v of [27, 28]) {
      const signature = Signature.from({ ...numbers, v });
      if (recoverAddress(digest, signature) === this.#address) return signature;
    }
    throw new Error('the signature is of another key');
  }

  override async signTransaction(request: TransactionRequest): Promise<string> {
    const fields = await resolveProperties(request);
    const transaction = Transaction.from(fields as TransactionLike<string>);
    transaction.signature = await this.signDigest(transaction.unsignedHash);
    return transaction.serialized;
  }

  override async signMessage(message: string | Uint8Array): Promise<string> {
    return (await this.signDigest(hashMessage(message))).serialized;
  }

  override async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    return (await this.signDigest(TypedDataEncoder.hash(domain, types, value))).serialized;
  }
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;
const word = (number: bigint): string => `0x${number.toString(16).padStart(64, '0')}`;

let server: StartedServer;
let kms: KMSClient;
let signer: KmsSigner;
let keyId: string;
beforeAll(async () => {
  server = await startServer();
  kms = kmsClient(server);
  const { KeyMetadata } = await kms.send(
    new CreateKeyCommand({ KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' }),
  );
  keyId = KeyMetadata?.KeyId ?? '';
  signer = await KmsSigner.of(kms, keyId);
});
afterAll(async () => {
  kms.destroy();
  await server.stop();
});

it('has the address that node:crypto gives the point', async () => {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: keyId }));
  const { x, y } = fromSpki(PublicKey!).export({ format: 'jwk' });
  const coordinates = [x, y].map((text) => Buffer.from(text ?? '', 'base64url'));
  const hash = keccak256(Buffer.concat(coordinates));
  expect((await signer.getAddress()).toLowerCase()).toBe(`0x${hash.slice(-40)}`);
});

it('signs transactions of which ethers recovers the sender', async () => {
  const address = await signer.getAddress();
  for (let nonce = 0; nonce < 8; nonce += 1) {
    const serialized = await signer.signTransaction({
      type: 2,
      chainId: 1,
      nonce,
      to: '0x000000000000000000000000000000000000dEaD',
      value: 10n ** 18n,
      gasLimit: 21_000n,
      maxFeePerGas: 30n * 10n ** 9n,
      maxPriorityFeePerGas: 10n ** 9n,
    });
    const parsed = Transaction.from(serialized);
    expect({ from: parsed.from, nonce: parsed.nonce }).toEqual({ from: address, nonce });
    expect(parsed.signature?.isValid()).toBe(true);
    // Another amount is another digest, and so another sender.
    const altered = parsed.clone();
    altered.value = 1n;
    expect(altered.from).not.toBe(address);
  }
});

it('takes a signature with either s', async () => {
  const digest = hashMessage('either');
  const { r, s, v } = await signer.signDigest(digest);
  for (const number of [BigInt(s), order - BigInt(s)]) {
    const der = new secp256k1.Signature(BigInt(r), number).toBytes('der');
    const normalised = signer.fromDer(digest, der);
    expect({ s: normalised.s, v: normalised.v }).toEqual({ s, v });
    expect(recoverAddress(digest, normalised)).toBe(await signer.getAddress());
  }
});

it('signs messages and typed data', async () => {
  const address = await signer.getAddress();
  expect(verifyMessage('zwölf', await signer.signMessage('zwölf'))).toBe(address);
  const domain = { name: 'Strongroom', version: '1', chainId: 1 };
  const types = { Order: [{ name: 'count', type: 'uint256' }] };
  const signature = await signer.signTypedData(domain, types, { count: 7 });
  expect(verifyTypedData(domain, types, { count: 7 }, signature)).toBe(address);
  expect(verifyTypedData(domain, types, { count: 8 }, signature)).not.toBe(address);
});
