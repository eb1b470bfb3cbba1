import { describe, expect, test } from 'vitest';
import { type OperationName, parseInput } from '../../../src/api/operations.ts';
import { refusalOf } from './errors.ts';

function messageOf(operation: OperationName, input: object): string {
  const refusal = refusalOf(() => parseInput(operation, Buffer.from(JSON.stringify(input))));
  expect(refusal.name).toBe('ValidationException');
  return refusal.message;
}

const one = '1 validation error detected: ';
const base64 = (length: number): string => Buffer.alloc(length).toString('base64');

describe('messages as recorded', () => {
  test.each<[OperationName, object, string]>([
    [
      'Encrypt',
      { Plaintext: 'AA==' },
      "Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ],
    [
      'GenerateRandom',
      { NumberOfBytes: 0 },
      "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      'GenerateRandom',
      { NumberOfBytes: 1025 },
      "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
    ],
    [
      'Encrypt',
      { KeyId: 'k', Plaintext: base64(4097) },
      "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
    ],
    [
      'Encrypt',
      { KeyId: 'k', Plaintext: '' },
      "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'CreateKey',
      { Tags: [{ TagKey: 'a'.repeat(129), TagValue: '' }] },
      `Value '${'a'.repeat(129)}' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128`,
    ],
    [
      'CreateKey',
      {
        Tags: [
          { TagKey: 'k', TagValue: '' },
          { TagKey: 'k', TagValue: 'v'.repeat(257) },
        ],
      },
      `Value '${'v'.repeat(257)}' at 'tags.2.member.tagValue' failed to satisfy constraint: Member must have length less than or equal to 256`,
    ],
  ])('%s %o', (operation, input, detail) => {
    expect(messageOf(operation, input)).toBe(one + detail);
  });

  test('enum: the set of values, in whatever order', () => {
    const message = messageOf('CreateKey', { KeyUsage: 'RANDOM' });
    const [, set] =
      /^1 validation error detected: Value 'RANDOM' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: \[(.*)\]$/.exec(
        message,
      ) ?? [];
    expect(new Set(set?.split(', '))).toEqual(
      new Set([
        'SIGN_VERIFY',
        'ENCRYPT_DECRYPT',
        'GENERATE_VERIFY_MAC',
        'KEY_AGREEMENT',
        'ENCAPSULATE_DECAPSULATE',
      ]),
    );
  });
});

describe('several errors', () => {
  test('are told of in the order of the model', () => {
    expect(
      messageOf('Encrypt', { EncryptionAlgorithm: 'X', GrantTokens: Array(11).fill('t') }),
    ).toBe(
      '4 validation errors detected: ' +
        "Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
        "Value null at 'plaintext' failed to satisfy constraint: Member must not be null; " +
        "Value '[t, t, t, t, t, t, t, t, t, t, t]' at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10; " +
        "Value 'X' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE]",
    );
  });

  test('one member can break two rules', () => {
    expect(messageOf('CreateKey', { XksKeyId: '' })).toBe(
      "2 validation errors detected: Value '' at 'xksKeyId' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
        "Value '' at 'xksKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9-_.]+$",
    );
  });
});

describe('inside lists and structures', () => {
  test('a list of strings is told of as a whole, with the rules of its members', () => {
    expect(messageOf('DescribeKey', { KeyId: 'k', GrantTokens: ['a', ''] })).toBe(
      `${one}Value '[a, ]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 8192, Member must have length greater than or equal to 1]`,
    );
    expect(messageOf('Decrypt', { DryRunModifiers: ['X'] })).toBe(
      `${one}Value '[X]' at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]`,
    );
  });

  test('null in a list or map is no value', () => {
    expect(messageOf('DescribeKey', { KeyId: 'k', GrantTokens: [null] })).toContain(
      "Value null at 'grantTokens.1.member'",
    );
    expect(messageOf('CreateKey', { Tags: [null] })).toContain("Value null at 'tags.1.member'");
    expect(messageOf('Decrypt', { EncryptionContext: { a: null } })).toContain(
      "Value null at 'encryptionContext.a.member'",
    );
  });

  test('structures', () => {
    expect(
      messageOf('Decrypt', { Recipient: { KeyEncryptionAlgorithm: 'X', AttestationDocument: '' } }),
    ).toBe(
      "2 validation errors detected: Value 'X' at 'recipient.keyEncryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_256]; " +
        "Value at 'recipient.attestationDocument' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
    expect(messageOf('CreateKey', { Tags: [{ TagKey: 'k' }] })).toBe(
      `${one}Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null`,
    );
  });
});

test('lengths of text count characters, not code units', () => {
  const parse = (text: string): unknown =>
    parseInput('CreateKey', Buffer.from(JSON.stringify({ Description: text })));
  expect(() => parse('😀'.repeat(8192))).not.toThrow();
  expect(() => parse('😀'.repeat(8193))).toThrow(
    'Member must have length less than or equal to 8192',
  );
});

test('a message does not grow with the request', () => {
  expect(
    messageOf('Encrypt', { KeyId: 'k'.repeat(100_000), Plaintext: 'AA==' }).length,
  ).toBeLessThan(5_000);
});

test('many violations are all counted, and not all printed', () => {
  const message = messageOf('CreateKey', { Tags: Array(50_000).fill(null) });
  expect(message).toMatch(
    /^50000 validation errors detected: Value null at 'tags\.1\.member' .*; Value null at 'tags\.2\.member' .*Member must not be null$/,
  );
  expect(message.length).toBeLessThan(70_000);
});

test('what is valid passes', () => {
  const encoded = {
    KeyId: 'k',
    Plaintext: 'AA==',
    EncryptionContext: { b: '', '': 'x' },
    DryRun: false,
  };
  expect(parseInput('Encrypt', Buffer.from(JSON.stringify(encoded)))).toEqual({
    KeyId: 'k',
    Plaintext: Buffer.from([0]),
    EncryptionContext: [
      ['b', ''],
      ['', 'x'],
    ],
    DryRun: false,
  });
  for (const length of [1, 4096]) {
    const body = JSON.stringify({ KeyId: 'k'.repeat(2048), Plaintext: base64(length) });
    expect(parseInput('Encrypt', Buffer.from(body)).Plaintext.length).toBe(length);
  }
});
