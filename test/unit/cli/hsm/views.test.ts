import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../../src/cli/exit.ts';
import { meant } from '../../../../src/cli/hsm/delete.ts';
import { chooseSlot, type NumberedSlot } from '../../../../src/cli/hsm/device.ts';
import { keyOrder } from '../../../../src/cli/hsm/generate.ts';
import { emptySlot, tokenLabel } from '../../../../src/cli/hsm/init.ts';
import { mechanismTable } from '../../../../src/cli/hsm/mechanisms.ts';
import { missingMechanisms } from '../../../../src/cli/hsm/missing-mechanisms.ts';
import {
  objectFilter,
  objectTable,
  objectView,
  type ShownAttributes,
} from '../../../../src/cli/hsm/object-views.ts';
import { pinState, slotTable, slotView } from '../../../../src/cli/hsm/slots.ts';
import { CKF, type Slot, type TokenInfo } from '../../../../src/hsm/index.ts';

function slot(number: number, label: string, flags = 0): NumberedSlot {
  const token = {
    label,
    flags: flags | (label === '' ? 0 : CKF.CKF_TOKEN_INITIALIZED),
    initialized: label !== '',
    serialNumber: `serial${number}`,
    model: 'Simulated HSM',
    maxSessionCount: 10,
    maxRwSessionCount: 5,
  } as TokenInfo;
  return { number, token, slot: {} as Slot };
}

describe('which slot', () => {
  const slots = [slot(0, ''), slot(1, 'one'), slot(2, 'two')];
  it('is told by number, by label, or by being the only one', () => {
    expect(chooseSlot(slots, { slot: '2' })).toBe(slots[2]);
    expect(chooseSlot(slots, { token: 'one' })).toBe(slots[1]);
    expect(chooseSlot(slots.slice(0, 2), {})).toBe(slots[1]);
    expect(() => chooseSlot(slots, {})).toThrow(/2 slots have such a token .*--slot/);
    expect(() => chooseSlot(slots, { slot: '3' })).toThrow(UsageError);
    expect(() => chooseSlot(slots, { slot: '1', token: 'one' })).toThrow(UsageError);
    expect(() => chooseSlot(slots, { token: 'none' })).toThrow(/no token labelled none/);
    expect(() => chooseSlot(slots.slice(0, 1), {})).toThrow(/hsm init/);
  });

  it('takes a new token: the first empty one, or one that may be erased', () => {
    expect(emptySlot(slots, {})).toBe(slots[0]);
    expect(emptySlot(slots, { token: 'two', erase: true })).toBe(slots[2]);
    expect(() => emptySlot(slots, { slot: '1' })).toThrow(/slot 1 has token one; --erase/);
    expect(() => emptySlot(slots.slice(1), {})).toThrow(/every slot has a token/);
    expect(emptySlot(slots.slice(0, 2), { erase: true })).toBe(slots[1]);
  });

  it('has a label of 1 to 32 bytes', () => {
    expect(tokenLabel(['ä'.repeat(16)])).toBe('ä'.repeat(16));
    for (const wrong of [[], [''], ['a', 'b'], ['ä'.repeat(17)]])
      expect(() => tokenLabel(wrong)).toThrow(UsageError);
  });
});

describe('the state of a PIN', () => {
  it.each([
    [0, 'none yet'],
    [CKF.CKF_USER_PIN_INITIALIZED, 'set'],
    [CKF.CKF_USER_PIN_INITIALIZED | CKF.CKF_USER_PIN_COUNT_LOW, 'tried wrongly'],
    [
      CKF.CKF_USER_PIN_INITIALIZED | CKF.CKF_USER_PIN_COUNT_LOW | CKF.CKF_USER_PIN_FINAL_TRY,
      'one try left',
    ],
    [CKF.CKF_USER_PIN_INITIALIZED | CKF.CKF_USER_PIN_COUNT_LOW | CKF.CKF_USER_PIN_LOCKED, 'locked'],
  ])('of flags %i is %s', (flags, state) => {
    expect(pinState(flags, 'USER')).toBe(state);
  });

  it('is in the table of slots', () => {
    const table = slotTable([slot(0, ''), slot(1, 'one', CKF.CKF_SO_PIN_LOCKED)]);
    expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['SLOT', 'SERIAL', 'USER PIN', 'SO PIN', 'LABEL'],
      ['0', 'serial0', '(not initialized)'],
      ['1', 'serial1', 'none yet', 'locked', 'one'],
      [''],
    ]);
    expect(slotView(slot(1, 'one', CKF.CKF_SO_PIN_LOCKED))).toEqual({
      slot: 1,
      label: 'one',
      serialNumber: 'serial1',
      model: 'Simulated HSM',
      flags: ['CKF_TOKEN_INITIALIZED', 'CKF_SO_PIN_LOCKED'],
      maxSessionCount: 10,
      maxRwSessionCount: 5,
    });
  });
});

describe('objects', () => {
  const attributes: ShownAttributes = {
    CKA_CLASS: 'CKO_PRIVATE_KEY',
    CKA_KEY_TYPE: 'CKK_EC',
    CKA_LABEL: 'a\u001b[31mlabel',
    CKA_ID: Uint8Array.of(1, 0xff),
    CKA_UNIQUE_ID: 'feed',
    CKA_EC_PARAMS: Buffer.from('06082a8648ce3d030107', 'hex'),
    CKA_SIGN: true,
    CKA_DERIVE: false,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
  };

  it('are shown with what matters, and cannot steer the terminal', () => {
    expect(objectView({ attributes })).toEqual({
      uniqueId: 'feed',
      class: 'private',
      type: 'EC',
      size: 'P-256',
      id: '01ff',
      label: 'a\u001b[31mlabel',
      uses: ['sign'],
      marks: ['private', 'sensitive'],
    });
    expect(objectTable([{ attributes }])).not.toContain('\u001b');
    const unknown: ShownAttributes = { CKA_CLASS: 0x80000001, CKA_KEY_TYPE: 0x99 };
    expect(objectView({ attributes: unknown })).toMatchObject({
      class: '0x80000001',
      type: '0x99',
    });
    const rsa: ShownAttributes = { ...attributes, CKA_MODULUS: new Uint8Array(256) };
    expect(objectView({ attributes: rsa }).size).toBe('2048');
    const aes: ShownAttributes = { CKA_CLASS: 'CKO_SECRET_KEY', CKA_VALUE_LEN: 32 };
    expect(objectView({ attributes: aes }).size).toBe('256');
  });

  it('are looked for by class, label and id', () => {
    expect(objectFilter({})).toEqual({ CKA_TOKEN: true });
    expect(objectFilter({ class: 'secret', label: 'l', id: '0aFF' })).toEqual({
      CKA_TOKEN: true,
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_LABEL: 'l',
      CKA_ID: Uint8Array.of(10, 255),
    });
    for (const wrong of [{ class: 'toString' }, { id: '1' }, { id: 'xx' }, { id: '' }])
      expect(() => objectFilter(wrong)).toThrow(UsageError);
  });

  it('are destroyed by a name that means one', () => {
    expect(meant(['feed'], {})).toBe('feed');
    expect(meant([], { label: 'x' })).toBeUndefined();
    expect(() => meant([], {})).toThrow(UsageError);
    expect(() => meant(['feed'], { id: '01' })).toThrow(UsageError);
    expect(() => meant(['feed', 'deed'], {})).toThrow(UsageError);
  });
});

describe('a key to be made', () => {
  it('stays on the token unless it is said otherwise', () => {
    expect(keyOrder(['aes'], {})).toEqual({
      mechanism: 'CKM_AES_KEY_GEN',
      template: {
        CKA_TOKEN: true,
        CKA_PRIVATE: true,
        CKA_SENSITIVE: true,
        CKA_EXTRACTABLE: false,
        CKA_VALUE_LEN: 32,
      },
    });
    expect(keyOrder(['generic'], { bits: '512', extractable: true })).toMatchObject({
      template: { CKA_VALUE_LEN: 64, CKA_EXTRACTABLE: true },
    });
  });

  it('has exactly the uses that are named, each key of a pair those it can have', () => {
    const order = keyOrder(['rsa'], { use: 'sign,decrypt', id: '01', label: 'both' });
    expect(order).toMatchObject({
      mechanism: 'CKM_RSA_PKCS_KEY_PAIR_GEN',
      publicTemplate: {
        CKA_MODULUS_BITS: 2048,
        CKA_LABEL: 'both',
        CKA_ID: Uint8Array.of(1),
        CKA_ENCRYPT: false,
        CKA_VERIFY: false,
      },
      privateTemplate: { CKA_SIGN: true, CKA_DECRYPT: true, CKA_UNWRAP: false, CKA_DERIVE: false },
    });
    expect(order).not.toHaveProperty('publicTemplate.CKA_SIGN');
    expect(keyOrder(['ec'], { curve: 'secp256k1', 'always-authenticate': true })).toMatchObject({
      publicTemplate: { CKA_EC_PARAMS: Buffer.from('06052b8104000a', 'hex') },
      privateTemplate: { CKA_ALWAYS_AUTHENTICATE: true },
    });
  });

  it.each([
    [[], {}, /takes one kind/],
    [['aes', 'rsa'], {}, /takes one kind/],
    [['des'], {}, /KIND takes aes, .*: not 'des'/],
    [['aes'], { bits: '512' }, /--bits takes 128, 192, 256: not '512'/],
    [['aes'], { curve: 'P-256' }, /--curve is for ec/],
    [['ec'], { bits: '256' }, /--bits is not for ec/],
    [['ec'], { curve: 'P-224' }, /--curve takes P-256/],
    [['rsa'], { use: 'sign,eat' }, /--use takes .*: not 'eat'/],
    [['aes'], { 'always-authenticate': true }, /for private keys/],
    [['aes'], { id: '0' }, /--id takes two hexadecimal digits/],
  ])('is refused: %j %j', (positionals, values, message) => {
    expect(() => keyOrder(positionals, values)).toThrow(UsageError);
    expect(() => keyOrder(positionals, values)).toThrow(message);
  });
});

describe('mechanisms', () => {
  it('are shown with numbers, sizes and functions', () => {
    const table = mechanismTable([
      {
        name: 'CKM_AES_GCM',
        info: { minKeySize: 16, maxKeySize: 32, flags: CKF.CKF_ENCRYPT | CKF.CKF_MESSAGE_DECRYPT },
      },
      { name: 0x99, info: { minKeySize: 0, maxKeySize: 0, flags: CKF.CKF_DIGEST } },
    ]);
    expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['MECHANISM', 'NUMBER', 'KEY SIZES', 'FUNCTIONS'],
      ['CKM_AES_GCM', '0x00001087', '16 to 32', 'message-decrypt encrypt'],
      ['153', '0x00000099', 'digest'],
      [''],
    ]);
  });

  it('are missing only when the token lacks them', () => {
    const names = Object.values(missingMechanisms([])).flat();
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('CKM_AES_GCM');
    expect(Object.values(missingMechanisms(['CKM_AES_GCM'])).flat()).not.toContain('CKM_AES_GCM');
    expect(missingMechanisms(names as never[])).toEqual({});
  });
});
