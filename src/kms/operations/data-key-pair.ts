/**
 * What GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext share: a key pair that the device makes, whose private
 * key it seals in the same step.
 */
import type { DataKeyPairSpec } from '@aws-sdk/client-kms';
import { keySpecs } from '../../api/key-specs.ts';
import type { Input, Output } from '../../api/operations.ts';
import type { KeyStore } from '../../keystore/key-store.ts';
import { blobAdditionalData, encodeBlob } from '../ciphertext-blob.ts';
import { canonicalContext } from '../encryption-context.ts';
import type { KmsKey } from '../keys/key-record.ts';
import { notSupported } from './refusals.ts';

export interface DataKeyPairRequest {
  readonly spec: DataKeyPairSpec;
  /** Canonical encryption context. */
  readonly context: Uint8Array;
}

/** @throws UnsupportedOperationException for a spec that is not built */
export function prepareDataKeyPair({
  KeyPairSpec: spec,
  EncryptionContext,
}: Pick<Input<'GenerateDataKeyPair'>, 'KeyPairSpec' | 'EncryptionContext'>): DataKeyPairRequest {
  if (!keySpecs[spec].built) throw notSupported(`KeyPairSpec ${spec}`);
  return { spec, context: canonicalContext(EncryptionContext) };
}

/** @param reveal false: the private key never leaves the device */
export async function generatePair(
  { spec, context }: DataKeyPairRequest,
  key: KmsKey,
  keyStore: KeyStore,
  options: { readonly reveal: boolean },
): Promise<{
  readonly answer: Output<'GenerateDataKeyPairWithoutPlaintext'>;
  readonly privateKey: Uint8Array | undefined;
}> {
  const { material, blobHeader } = key.current;
  const additionalData = blobAdditionalData(blobHeader, context);
  const pair = await keyStore.sealKeyPair(material, additionalData, spec, options);
  return {
    privateKey: pair.privateKey,
    answer: {
      PrivateKeyCiphertextBlob: encodeBlob(blobHeader, pair.sealed),
      PublicKey: pair.publicKey,
      KeyId: key.arn,
      KeyPairSpec: spec,
      KeyMaterialId: material.materialId,
    },
  };
}
