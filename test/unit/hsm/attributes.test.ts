/** Templates to bytes and back, and what they refuse. */
import { describe, expect, it } from 'vitest';
import {
  type AttributeName,
  attributeNumber,
  decodeAttributes,
  decodeTemplate,
  encodeTemplate,
  type Template,
} from '../../../src/hsm/attributes.ts';
import { CKA } from '../../../src/hsm/constants.ts';

const roundTrip = (template: Template): Template => {
  const { list, end } = decodeAttributes(encodeTemplate(template), 0);
  expect(end).toBe(encodeTemplate(template).length);
  return decodeTemplate(list);
};

describe('a template', () => {
  it('comes back as it was, every kind of value', () => {
    const template: Template = {
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_TOKEN: false,
      CKA_LABEL: 'é𝄞',
      CKA_VALUE: Uint8Array.of(1, 2, 3, 4, 5),
      CKA_KEY_TYPE: 0x8000_0001,
      CKA_VALUE_LEN: 32,
      CKA_START_DATE: '20261123',
      CKA_END_DATE: '',
      CKA_KEY_GEN_MECHANISM: -1,
      CKA_ALLOWED_MECHANISMS: ['CKM_AES_GCM', 0x1234],
      CKA_UNWRAP_TEMPLATE: { CKA_PRIVATE: true, CKA_LABEL: '' },
    };
    expect(roundTrip(template)).toEqual(template);
    expect(roundTrip({})).toEqual({});
    expect(roundTrip({ CKA_LABEL: undefined } as unknown as Template)).toEqual({});
  });

  it('refuses other types of value, without repeating them', () => {
    const wrong: [AttributeName, unknown][] = [
      ['CKA_TOKEN', 1],
      ['CKA_LABEL', Buffer.from('secret')],
      ['CKA_VALUE', 'secret'],
      ['CKA_VALUE_LEN', 'secret'],
      ['CKA_START_DATE', 'secret'],
      ['CKA_ALLOWED_MECHANISMS', 'secret'],
      ['CKA_UNWRAP_TEMPLATE', 'secret'],
    ];
    for (const [name, value] of wrong) {
      const encode = () => encodeTemplate({ [name]: value });
      expect(encode, name).toThrow(TypeError);
      expect(encode, name).toThrow(name);
      expect(encode, name).not.toThrow(/secret/);
    }
    expect(() => encodeTemplate({ CKA_VALUE_LEN: 1.5 })).toThrow(RangeError);
    expect(() => encodeTemplate({ CKA_VALUE_LEN: 2 ** 53 })).toThrow(RangeError);
    expect(() => encodeTemplate({ CKA_CLASS: 'CKO_NONE' } as unknown as Template)).toThrow(
      TypeError,
    );
    expect(() => encodeTemplate({ CKA_NONE: true } as unknown as Template)).toThrow(TypeError);
    expect(() => attributeNumber('toString' as AttributeName)).toThrow(TypeError);
  });
});

it('every attribute of the table can be named both ways', () => {
  for (const [name, number] of Object.entries(CKA)) {
    expect(attributeNumber(name as AttributeName)).toBe(number);
  }
});

describe('an attribute list', () => {
  it('marks what is unavailable', () => {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(4, CKA.CKA_VALUE, true);
    view.setUint32(8, 0xffff_ffff, true);
    expect(decodeAttributes(bytes, 0)).toEqual({ list: [[CKA.CKA_VALUE, undefined]], end: 12 });
  });

  it('with lengths that lie is not read', () => {
    const bytes = encodeTemplate({ CKA_LABEL: 'abc', CKA_TOKEN: true });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeAttributes(bytes.subarray(0, length), 0), `${length}`).toThrow(RangeError);
    }
    for (const lie of [0x7fff_ffff, 0x8000_0000, 0xffff_fffe]) {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(8, lie, true);
      expect(() => decodeAttributes(copy, 0)).toThrow(RangeError);
    }
  });
});
