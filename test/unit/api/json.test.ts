import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeOutput, parseJson } from '../../../src/api/json.ts';
import { inputs } from '../../../src/api/operations.ts';
import type { InputShape } from '../../../src/api/shapes.ts';
import { refusalOf } from './errors.ts';

const all: InputShape<Record<string, unknown>> = {
  type: 'structure',
  members: {
    Text: { shape: { type: 'string' } },
    Bytes: { shape: { type: 'blob' } },
    Count: { shape: { type: 'integer' } },
    Flag: { shape: { type: 'boolean' } },
    When: { shape: { type: 'timestamp' } },
    List: { shape: { type: 'list', member: { type: 'string' } } },
    Context: { shape: { type: 'map', value: { type: 'string' } } },
    Inner: {
      shape: { type: 'structure', members: { Text: { shape: { type: 'string' } } } },
    },
  },
};

const parse = (text: string | Uint8Array): Record<string, unknown> =>
  parseJson(all, typeof text === 'string' ? Buffer.from(text) : text);

describe('parseJson', () => {
  test('reads every type', () => {
    const text = JSON.stringify({
      Text: 'ä€😀',
      Bytes: 'AP8=',
      Count: -3,
      Flag: false,
      When: 1593622000.191,
      List: ['a', 'b'],
      Context: { b: '2', a: '1' },
      Inner: { Text: 'x' },
    });
    expect(parse(text)).toEqual({
      Text: 'ä€😀',
      Bytes: Buffer.from([0, 255]),
      Count: -3,
      Flag: false,
      When: new Date(1593622000191),
      List: ['a', 'b'],
      Context: [
        ['b', '2'],
        ['a', '1'],
      ],
      Inner: { Text: 'x' },
    });
  });

  test.each([
    ['no body', ''],
    ['empty object', '{}'],
    ['null members', '{"Text":null,"Context":null,"Inner":null}'],
    ['unknown members', '{"text":"x","Other":[{}],"constructor":1,"toString":null}'],
  ])('absent: %s', (_, text) => {
    expect(parse(text)).toEqual({});
  });

  test('a name given twice keeps its last value', () => {
    expect(parse('{"Text":"a","Text":"b"}')).toEqual({ Text: 'b' });
  });

  test('__proto__ is a context key like any other, and no way to a prototype', () => {
    const input = parse('{"Context":{"__proto__":"p","constructor":"c"},"__proto__":{"Text":"t"}}');
    expect(input).toEqual({
      Context: [
        ['__proto__', 'p'],
        ['constructor', 'c'],
      ],
    });
    expect(input.Text).toBeUndefined();
    expect(({} as Record<string, unknown>).Text).toBeUndefined();
  });

  test.each([
    ['cut', '{"Text":"a"'],
    ['no JSON', 'Action=Encrypt'],
    ['array', '[]'],
    ['string', '"a"'],
    ['number', '1'],
    ['null', 'null'],
    ['NaN', '{"Count":NaN}'],
    ['trailing', '{} {}'],
    ['trailing comma', '{"Text":"a",}'],
    ['byte order mark', '\ufeff{}'],
    ['control character', '{"Text":"\u0001"}'],
  ])('not a JSON object: %s', (_, text) => {
    const refusal = refusalOf(() => parse(text));
    expect([refusal.name, refusal.httpStatus]).toEqual(['SerializationException', 400]);
  });

  test.each([
    ['overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['cut sequence', [0x7b, 0x22, 0xe2, 0x82, 0x22, 0x3a, 0x31, 0x7d]],
    ['encoded surrogate', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('not UTF-8: %s', (_, bytes) => {
    expect(refusalOf(() => parse(Uint8Array.from(bytes))).name).toBe('SerializationException');
  });

  test.each([
    ['{"Text":1}', 'NUMBER_VALUE can not be converted to a String'],
    ['{"Text":true}', 'TRUE_VALUE can not be converted to a String'],
    ['{"Text":[]}', 'Start of list found where not expected'],
    ['{"Text":{}}', 'Start of structure or map found where not expected.'],
    ['{"Bytes":1}', 'NUMBER_VALUE can not be converted to a Blob'],
    ['{"Count":"1"}', 'STRING_VALUE can not be converted to an Integer'],
    ['{"Count":1.5}', 'DECIMAL_VALUE can not be converted to an Integer'],
    ['{"Count":2147483648}', 'NUMBER_VALUE can not be converted to an Integer'],
    ['{"Count":1e400}', 'DECIMAL_VALUE can not be converted to an Integer'],
    ['{"Flag":"true"}', 'STRING_VALUE can not be converted to a Boolean'],
    ['{"Flag":0}', 'NUMBER_VALUE can not be converted to a Boolean'],
    ['{"When":"2026-01-01"}', 'STRING_VALUE can not be converted to a Timestamp'],
    ['{"When":1e300}', 'NUMBER_VALUE can not be converted to a Timestamp'],
    ['{"List":"a"}', 'STRING_VALUE can not be converted to a List'],
    ['{"List":{"0":"a"}}', 'Start of structure or map found where not expected.'],
    ['{"List":[1]}', 'NUMBER_VALUE can not be converted to a String'],
    ['{"Context":[]}', 'Start of list found where not expected'],
    ['{"Context":{"a":1}}', 'NUMBER_VALUE can not be converted to a String'],
    ['{"Inner":"x"}', 'STRING_VALUE can not be converted to a Structure'],
    ['{"Inner":{"Text":false}}', 'FALSE_VALUE can not be converted to a String'],
  ])('wrong type: %s', (text, message) => {
    const refusal = refusalOf(() => parse(text));
    expect([refusal.name, refusal.message]).toEqual(['SerializationException', message]);
  });

  test.each(['A', 'AA', 'AAA', 'AA=', 'AA==A', 'AA= =', ' AA==', 'AA==\n', 'AB==', 'A-_=', '????'])(
    'not strict base64: %j',
    (text) => {
      expect(refusalOf(() => parse(JSON.stringify({ Bytes: text }))).name).toBe(
        'SerializationException',
      );
    },
  );

  test.each([
    '{"Text":"\\ud800"}',
    '{"Text":"a\\udc00b"}',
    '{"Context":{"\\ud800":"v"}}',
    '{"Context":{"k":"\\udfff"}}',
    '{"List":["\\udbff"]}',
  ])('a lone surrogate: %s', (text) => {
    expect(refusalOf(() => parse(text)).name).toBe('SerializationException');
  });

  test('a surrogate pair by escapes is one character', () => {
    expect(parse('{"Text":"\\ud83d\\ude00"}')).toEqual({ Text: '😀' });
  });

  test('depth is bounded by the shape, not by the stack', () => {
    const deep = (open: string, close: string): string =>
      open.repeat(300_000) + close.repeat(300_000);
    expect(parse(`{"Other":${deep('[', ']')}}`)).toEqual({});
    expect(refusalOf(() => parse(`{"Text":${deep('[', ']')}}`)).name).toBe(
      'SerializationException',
    );
    expect(refusalOf(() => parse('[{"a":'.repeat(150_000))).name).toBe('SerializationException');
  });

  test('whatever the octets: an input or a SerializationException', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.json().map((text) => Buffer.from(text)),
          fc
            .dictionary(fc.constantFrom(...Object.keys(all.members), '__proto__'), fc.jsonValue())
            .map((value) => Buffer.from(JSON.stringify(value))),
        ),
        (body) => {
          try {
            const input = parseJson(all, body);
            expect(Object.keys(all.members)).toEqual(expect.arrayContaining(Object.keys(input)));
          } catch (error) {
            expect(error).toMatchObject({ name: 'SerializationException' });
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('blobs and contexts come back as they were sent', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
        (bytes, context) => {
          const Bytes = Buffer.from(bytes).toString('base64');
          const input = parse(JSON.stringify({ Bytes, Context: context }));
          expect(Buffer.compare(input.Bytes as Uint8Array, bytes)).toBe(0);
          expect(input.Context).toEqual(Object.entries(context));
        },
      ),
    );
  });
});

describe('encodeOutput', () => {
  test('writes octets, times and text, and leaves out what is absent', () => {
    const output = {
      KeyId: 'arn:"ä"',
      Plaintext: new Uint8Array([0, 255]).subarray(0, 2),
      CreationDate: new Date(1593622000191),
      DeletionDate: new Date(1593622000000),
      Enabled: false,
      Absent: undefined,
      Keys: [{ KeyId: 'a', Gone: undefined }],
      None: [],
    };
    expect(encodeOutput(output)).toBe(
      '{"KeyId":"arn:\\"ä\\"","Plaintext":"AP8=","CreationDate":1593622000.191,' +
        '"DeletionDate":1593622000,"Enabled":false,"Keys":[{"KeyId":"a"}],"None":[]}',
    );
  });

  test('a view of a larger buffer gives its own octets only', () => {
    expect(encodeOutput({ B: new Uint8Array([1, 2, 3, 4]).subarray(1, 3) })).toBe('{"B":"AgM="}');
  });

  test('an operation without output has an empty body', () => {
    expect(encodeOutput(undefined)).toBe('');
    expect(encodeOutput({})).toBe('{}');
  });
});

test('every built operation reads an empty object', () => {
  for (const shape of Object.values(inputs))
    expect(parseJson<object>(shape, Buffer.from('{}'))).toEqual({});
});
