/**
 * Member shapes that several families of operations share, named as in the model.
 * Source: AWS KMS model, service version 2014-11-01 (`TrentService`).
 */
import type {
  BlobShape,
  BooleanShape,
  IntegerShape,
  ListShape,
  MapShape,
  Member,
  StringShape,
  StructureShape,
} from '../shapes.ts';

export const KeyIdType: StringShape = { type: 'string', length: { min: 1, max: 2048 } };
const GrantTokenType: StringShape = { type: 'string', length: { min: 1, max: 8192 } };
export const GrantTokenList: ListShape = {
  type: 'list',
  length: { min: 0, max: 10 },
  member: GrantTokenType,
};
export const PlaintextType: BlobShape = {
  type: 'blob',
  length: { min: 1, max: 4096 },
  sensitive: true,
};
export const CiphertextType: BlobShape = { type: 'blob', length: { min: 1, max: 6144 } };
export const EncryptionContextType: MapShape = { type: 'map', value: { type: 'string' } };
export const BooleanType: BooleanShape = { type: 'boolean' };
export const NumberOfBytesType: IntegerShape = {
  type: 'integer',
  range: { min: 1, max: 1024 },
};
export const CustomKeyStoreIdType: StringShape = {
  type: 'string',
  length: { min: 1, max: 64 },
};
export const DescriptionType: StringShape = { type: 'string', length: { min: 0, max: 8192 } };
const LimitType: IntegerShape = { type: 'integer', range: { min: 1, max: 1000 } };
const MarkerType: StringShape = {
  type: 'string',
  length: { min: 1, max: 1024 },
  pattern: /^[\u0020-\u00FF]*$/,
};
export const PolicyType: StringShape = {
  type: 'string',
  length: { min: 1, max: 131_072 },
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the model's own pattern, printed in messages
  pattern: /^[\u0009\u000A\u000D\u0020-\u00FF]+$/,
};
export const TagKeyType: StringShape = { type: 'string', length: { min: 1, max: 128 } };
const Tag: StructureShape = {
  type: 'structure',
  members: {
    TagKey: { shape: TagKeyType, required: true },
    TagValue: { shape: { type: 'string', length: { min: 0, max: 256 } }, required: true },
  },
};
export const TagList: ListShape = { type: 'list', member: Tag };
export const RecipientInfo: StructureShape = {
  type: 'structure',
  members: {
    KeyEncryptionAlgorithm: { shape: { type: 'string', values: ['RSAES_OAEP_SHA_256'] } },
    AttestationDocument: { shape: { type: 'blob', length: { min: 1, max: 262_144 } } },
  },
};

/** The member most operations begin with. */
export const KeyId: Member = { shape: KeyIdType, required: true };

/** The input of operations that take a key and nothing else. */
export const onlyKeyId: StructureShape = { type: 'structure', members: { KeyId } };

/** Members of a list's input: page length and where to go on. */
export const pagination: { readonly Limit: Member; readonly Marker: Member } = {
  Limit: { shape: LimitType },
  Marker: { shape: MarkerType },
};
