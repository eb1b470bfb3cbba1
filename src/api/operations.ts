/**
 * The KMS operations by name: types of their requests and answers, and the shapes of their inputs, joined from
 * the families in inputs/.
 * Source: AWS KMS model, service version 2014-11-01 (`TrentService`).
 */
import { type AliasOperations, aliasInputs } from './inputs/aliases.ts';
import { type EncryptionOperations, encryptionInputs } from './inputs/encryption.ts';
import { type GenerationOperations, generationInputs } from './inputs/generation.ts';
import { type KeyOperations, keyInputs } from './inputs/keys.ts';
import { type PolicyOperations, policyInputs } from './inputs/policies.ts';
import { type SignatureOperations, signatureInputs } from './inputs/signatures.ts';
import { type TagOperations, tagInputs } from './inputs/tags.ts';
import { parseJson } from './json.ts';
import type { InputShape, Inputs } from './shapes.ts';
import { validate } from './validate.ts';

/** Request and response of each operation. An operation without output has `undefined`. */
export interface OperationTypes
  extends KeyOperations,
    EncryptionOperations,
    GenerationOperations,
    SignatureOperations,
    AliasOperations,
    TagOperations,
    PolicyOperations {}

export type OperationName = keyof OperationTypes;
export type Input<N extends OperationName> = OperationTypes[N]['input'];
export type Output<N extends OperationName> = OperationTypes[N]['output'];

/** The input shape of every operation, by name. */
export const inputs: Inputs<OperationTypes> = {
  ...keyInputs,
  ...encryptionInputs,
  ...generationInputs,
  ...signatureInputs,
  ...aliasInputs,
  ...tagInputs,
  ...policyInputs,
};

/**
 * Reads and checks the body of a request for an operation.
 * @throws KmsException SerializationException, ValidationException
 */
export function parseInput<N extends OperationName>(name: N, body: Uint8Array): Input<N> {
  const shape: InputShape<Input<N>> = inputs[name];
  const input = parseJson(shape, body);
  validate(shape, input);
  return input;
}
