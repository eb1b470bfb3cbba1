import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/exit.ts';
import { aliasChange, aliasTable } from '../../../src/cli/keys/alias.ts';
import { createRequest } from '../../../src/cli/keys/create.ts';
import { aliasName, timeText, withTimes } from '../../../src/cli/keys/key-views.ts';
import { keyTable } from '../../../src/cli/keys/list.ts';
import { keyFields } from '../../../src/cli/keys/show.ts';

const key = {
  KeyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
  Arn: 'arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  KeySpec: 'SYMMETRIC_DEFAULT',
  KeyUsage: 'ENCRYPT_DECRYPT',
  KeyState: 'Enabled',
  Description: 'of the\u001b[31m app',
  CreationDate: 1795428000.123,
  EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
} as const;

describe('keys create', () => {
  it('says to the KMS what was said to it', () => {
    expect(createRequest({})).toEqual({});
    expect(
      createRequest({
        spec: 'RSA_4096',
        usage: 'SIGN_VERIFY',
        description: 'd',
        tag: ['a=b=c', 'e='],
      }),
    ).toEqual({
      KeySpec: 'RSA_4096',
      KeyUsage: 'SIGN_VERIFY',
      Description: 'd',
      Tags: [
        { TagKey: 'a', TagValue: 'b=c' },
        { TagKey: 'e', TagValue: '' },
      ],
    });
  });

  it('adds the usage where a spec has one only', () => {
    expect(createRequest({ spec: 'ECC_NIST_P256' })).toMatchObject({ KeyUsage: 'SIGN_VERIFY' });
    expect(createRequest({ spec: 'HMAC_384' })).toMatchObject({ KeyUsage: 'GENERATE_VERIFY_MAC' });
    expect(createRequest({ spec: 'RSA_2048' })).toEqual({ KeySpec: 'RSA_2048' });
  });

  it.each([
    [{ spec: 'AES_256' }, /--spec takes .*RSA_4096.*: not 'AES_256'/],
    [{ usage: 'WRAP' }, /--usage takes ENCRYPT_DECRYPT, .*: not 'WRAP'/],
    [{ tag: ['a'] }, /--tag takes KEY=VALUE, not 'a'/],
    [{ tag: ['=b'] }, /--tag takes KEY=VALUE, not '=b'/],
  ])('refuses %j', (values, message) => {
    expect(() => createRequest(values)).toThrow(UsageError);
    expect(() => createRequest(values)).toThrow(message);
  });
});

describe('keys alias', () => {
  it('knows what is asked for', () => {
    expect(aliasChange([], {})).toBeUndefined();
    expect(aliasChange(['a', 'k'], {})).toEqual({ kind: 'create', name: 'alias/a', keyId: 'k' });
    expect(aliasChange(['alias/a', 'k'], { move: true })).toEqual({
      kind: 'move',
      name: 'alias/a',
      keyId: 'k',
    });
    expect(aliasChange(['a'], { delete: true })).toEqual({ kind: 'delete', name: 'alias/a' });
  });

  it.each([
    [['a', 'k', 'x'], {}, /a name and a key/],
    [['a'], {}, /which key is alias\/a to point to/],
    [['a'], { move: true }, /which key/],
    [[], { move: true }, /which alias/],
    [[], { delete: true }, /which alias/],
    [['a', 'k'], { delete: true }, /--delete takes the alias alone/],
    [['a'], { delete: true, move: true }, /--delete takes the alias alone/],
    [['a', 'k'], { json: true }, /--json is for the list/],
  ])('refuses %j %j', (positionals, flags, message) => {
    expect(() => aliasChange(positionals, flags)).toThrow(UsageError);
    expect(() => aliasChange(positionals, flags)).toThrow(message);
  });
});

describe('views', () => {
  it('show keys and aliases without control characters', () => {
    const aliases = new Map([[key.KeyId, ['alias/a', 'alias/b']]]);
    const [, row] = keyTable([key], aliases).split('\n');
    expect(row).toBe(
      '1234abcd-12ab-34cd-56ef-1234567890ab  SYMMETRIC_DEFAULT  ENCRYPT_DECRYPT  Enabled  2026-11-23T10:00:00Z  alias/a alias/b  of the [31m app',
    );
    const text = keyFields({
      key,
      aliases: ['alias/a'],
      tags: [{ TagKey: 'k', TagValue: 'v' }],
    });
    expect(text).toContain('Description:  of the [31m app\n');
    expect(text).toContain('Tag:          k=v\n');
    expect(text).not.toContain('DeletionDate');
    const name = `alias/${'long'.repeat(20)}`;
    expect(aliasTable([{ AliasName: name, TargetKeyId: key.KeyId }])).toContain(name);
  });

  it('have times in ISO 8601', () => {
    expect(timeText(undefined)).toBe('');
    expect(withTimes({ CreationDate: 0.5, Name: 'x' })).toEqual({
      CreationDate: '1970-01-01T00:00:00Z',
      Name: 'x',
    });
    expect(aliasName('a')).toBe(aliasName('alias/a'));
  });
});
