/**
 * What a PKCS#11 token does, one behaviour a case: `standard` is what v3.2 asks, in its section `clause`. A case returns
 * what it saw as text; where the standard leaves a choice, there are several answers that keep it.
 *
 * Long because it is one table: a case is a few lines and none knows another.
 */
import { createCipheriv } from 'node:crypto';
import type { ObjectHandle, Template } from '../../../src/hsm/index.ts';
import { ckr, type SessionUnderTest, SO_PIN, type TokenUnderTest, USER_PIN } from './subject.ts';

export interface Case {
  readonly name: string;
  readonly clause: string;
  readonly standard: readonly string[];
  /** `session` is R/W with the user logged in; with `as: 'public'` nobody is. */
  readonly as?: 'public';
  /** Uses a template in a template. */
  readonly nested?: true;
  run(session: SessionUnderTest, token: TokenUnderTest): Promise<string>;
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const keyValue = Buffer.alloc(32, 7);
const iv = Buffer.alloc(12, 9);
const gcm = { mechanism: 'CKM_AES_GCM', iv, additionalData: ascii('aad') } as const;
const oaep = { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-256', label: ascii('label') } as const;
const pss = { mechanism: 'CKM_SHA256_RSA_PKCS_PSS', hash: 'SHA-256', saltLength: 32 } as const;
const P256 = Buffer.from('06082a8648ce3d030107', 'hex');
const text = ascii('what is worked on');

const session: Template = { CKA_TOKEN: false };
const aes: Template = { ...session, CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_AES' };
const plainAes: Template = {
  ...aes,
  CKA_SENSITIVE: false,
  CKA_EXTRACTABLE: true,
  CKA_VALUE: keyValue,
};
const data: Template = { ...session, CKA_CLASS: 'CKO_DATA', CKA_VALUE: text };
const aesGeneration: Template = { ...session, CKA_VALUE_LEN: 32 };

const altered = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
};

const makeAes = (on: SessionUnderTest, more: Template = {}): Promise<ObjectHandle> =>
  on.generateKey('CKM_AES_KEY_GEN', { ...aesGeneration, ...more });

const makeGeneric = (on: SessionUnderTest, more: Template = {}): Promise<ObjectHandle> =>
  on.createObject({
    ...plainAes,
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_SIGN: true,
    CKA_VERIFY: true,
    ...more,
  });

const makeEc = (on: SessionUnderTest, shown: Template = {}, hidden: Template = {}) =>
  on.generateKeyPair(
    'CKM_EC_KEY_PAIR_GEN',
    { ...session, CKA_EC_PARAMS: P256, CKA_VERIFY: true, ...shown },
    { ...session, CKA_SIGN: true, ...hidden },
  );

const makeRsa = (on: SessionUnderTest, shown: Template, hidden: Template) =>
  on.generateKeyPair(
    'CKM_RSA_PKCS_KEY_PAIR_GEN',
    {
      ...session,
      CKA_MODULUS_BITS: 2048,
      CKA_PUBLIC_EXPONENT: Uint8Array.of(1, 0, 1),
      ...shown,
    },
    { ...session, ...hidden },
  );

/** Names and values, for what a case returns. */
const shown = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value instanceof Uint8Array ? 'bytes' : String(value)}`)
    .join(' ');

const sessions: Case[] = [
  {
    name: 'states of a session before and after login',
    clause: '5.6.4',
    as: 'public',
    standard: [
      'CKS_RO_PUBLIC_SESSION CKS_RW_PUBLIC_SESSION CKS_RO_USER_FUNCTIONS CKS_RW_USER_FUNCTIONS',
    ],
    async run(readWrite, token) {
      const readOnly = await token.openSession();
      const before = [(await readOnly.info()).state, (await readWrite.info()).state];
      await readWrite.login('user', USER_PIN);
      return [...before, (await readOnly.info()).state, (await readWrite.info()).state].join(' ');
    },
  },
  {
    name: 'login with a wrong PIN',
    clause: '5.6.8',
    as: 'public',
    standard: ['CKR_PIN_INCORRECT'],
    run: (on) => ckr(on.login('user', '654321')),
  },
  {
    name: 'login twice',
    clause: '5.6.8',
    standard: ['CKR_USER_ALREADY_LOGGED_IN'],
    run: (on) => ckr(on.login('user', USER_PIN)),
  },
  {
    name: 'login of the SO beside the user',
    clause: '5.6.8',
    standard: ['CKR_USER_ANOTHER_ALREADY_LOGGED_IN'],
    run: (on) => ckr(on.login('so', SO_PIN)),
  },
  {
    name: 'login of the SO beside a read-only session',
    clause: '5.6.8',
    as: 'public',
    standard: ['CKR_SESSION_READ_ONLY_EXISTS'],
    async run(on, token) {
      await token.openSession();
      return ckr(on.login('so', SO_PIN));
    },
  },
  {
    name: 'a read-only session beside the SO',
    clause: '5.6.1',
    as: 'public',
    standard: ['CKR_SESSION_READ_WRITE_SO_EXISTS'],
    async run(on, token) {
      await on.login('so', SO_PIN);
      return ckr(token.openSession());
    },
  },
  {
    name: 'logout of nobody',
    clause: '5.6.10',
    as: 'public',
    standard: ['CKR_USER_NOT_LOGGED_IN'],
    run: (on) => ckr(on.logout()),
  },
  {
    name: 'a login ends with the last session',
    clause: '5.6.2',
    standard: ['CKS_RW_PUBLIC_SESSION'],
    async run(on, token) {
      await on.close();
      return (await (await token.openSession({ readWrite: true })).info()).state;
    },
  },
  {
    name: 'InitToken with a session open',
    clause: '5.5.7',
    standard: ['CKR_SESSION_EXISTS'],
    run: (_, token) => ckr(token.initToken(SO_PIN, 'another')),
  },
  {
    name: 'a session that is closed',
    clause: '5.6.4',
    standard: ['CKR_SESSION_HANDLE_INVALID'],
    async run(on) {
      await on.close();
      return ckr(on.info());
    },
  },
  {
    name: 'InitPIN by the user',
    clause: '5.5.8',
    standard: ['CKR_USER_NOT_LOGGED_IN'],
    run: (on) => ckr(on.initPin('a new PIN')),
  },
  {
    name: 'SetPIN with a wrong old PIN',
    clause: '5.5.9',
    standard: ['CKR_PIN_INCORRECT'],
    run: (on) => ckr(on.setPin('654321', 'a new PIN')),
  },
  {
    name: 'SetPIN to one that is too short',
    clause: '5.5.9',
    standard: ['CKR_PIN_LEN_RANGE'],
    run: (on) => ckr(on.setPin(USER_PIN, '1')),
  },
  {
    name: 'SetPIN in a read-only session',
    clause: '5.5.9',
    as: 'public',
    standard: ['CKR_SESSION_READ_ONLY'],
    run: async (_, token) => ckr((await token.openSession()).setPin(USER_PIN, 'a new PIN')),
  },
];

const objects: Case[] = [
  {
    name: 'a token object from a read-only session',
    clause: '5.7.1',
    standard: ['CKR_SESSION_READ_ONLY'],
    run: async (_, token) =>
      ckr((await token.openSession()).createObject({ ...data, CKA_TOKEN: true })),
  },
  {
    name: 'a private object before login',
    clause: '5.7.1',
    as: 'public',
    standard: ['CKR_USER_NOT_LOGGED_IN'],
    run: (on) => ckr(on.createObject({ ...data, CKA_PRIVATE: true })),
  },
  {
    name: 'a private object after logout',
    clause: '5.6.10',
    standard: ['found 1, then 0, CKR_OBJECT_HANDLE_INVALID'],
    async run(on) {
      const wanted = { CKA_LABEL: 'private one' };
      const object = await on.createObject({ ...data, ...wanted, CKA_PRIVATE: true });
      const before = (await on.findObjects(wanted)).length;
      await on.logout();
      const after = (await on.findObjects(wanted)).length;
      return `found ${before}, then ${after}, ${await ckr(on.getAttributes(object, ['CKA_LABEL']))}`;
    },
  },
  {
    name: 'a session object and other sessions',
    clause: '5.6.2',
    standard: ['found 1, then 0'],
    async run(on, token) {
      const other = await token.openSession({ readWrite: true });
      const wanted = { CKA_LABEL: 'session object' };
      await other.createObject({ ...data, ...wanted });
      const before = (await on.findObjects(wanted)).length;
      await other.close();
      return `found ${before}, then ${(await on.findObjects(wanted)).length}`;
    },
  },
  {
    name: 'defaults of a data object',
    clause: '4.4',
    standard: ['CKA_TOKEN=false CKA_MODIFIABLE=true CKA_COPYABLE=true CKA_DESTROYABLE=true'],
    async run(on) {
      const object = await on.createObject({ CKA_CLASS: 'CKO_DATA', CKA_VALUE: text });
      return shown(
        await on.getAttributes(object, [
          'CKA_TOKEN',
          'CKA_MODIFIABLE',
          'CKA_COPYABLE',
          'CKA_DESTROYABLE',
        ]),
      );
    },
  },
  {
    name: 'an object without a class',
    clause: '5.7.1',
    standard: ['CKR_TEMPLATE_INCOMPLETE'],
    run: (on) => ckr(on.createObject({ ...session, CKA_VALUE: text })),
  },
  {
    name: 'an attribute that the class does not have',
    clause: '5.7.1',
    standard: ['CKR_TEMPLATE_INCONSISTENT', 'CKR_ATTRIBUTE_TYPE_INVALID'],
    run: (on) => ckr(on.createObject({ ...data, CKA_MODULUS: text })),
  },
  {
    name: 'an attribute that only the token sets',
    clause: '4.1.1',
    standard: ['CKR_ATTRIBUTE_READ_ONLY'],
    run: (on) => ckr(on.createObject({ ...plainAes, CKA_LOCAL: true })),
  },
  {
    name: 'an AES key of 17 bytes',
    clause: '6.13.2',
    standard: ['CKR_ATTRIBUTE_VALUE_INVALID', 'CKR_KEY_SIZE_RANGE', 'CKR_TEMPLATE_INCONSISTENT'],
    run: (on) => ckr(on.createObject({ ...plainAes, CKA_VALUE: Buffer.alloc(17) })),
  },
  {
    name: 'a label set anew',
    clause: '5.7.6',
    standard: ['CKR_OK CKA_LABEL=new'],
    async run(on) {
      const object = await on.createObject({ ...data, CKA_LABEL: 'old' });
      const done = await ckr(on.setAttributes(object, { CKA_LABEL: 'new' }));
      return `${done} ${shown(await on.getAttributes(object, ['CKA_LABEL']))}`;
    },
  },
  {
    name: 'a label set anew where CKA_MODIFIABLE is false',
    clause: '4.4.1',
    standard: ['CKR_ACTION_PROHIBITED'],
    async run(on) {
      const object = await on.createObject({ ...data, CKA_MODIFIABLE: false });
      return ckr(on.setAttributes(object, { CKA_LABEL: 'new' }));
    },
  },
  {
    name: 'an object destroyed where CKA_DESTROYABLE is false',
    clause: '4.4.1',
    standard: ['CKR_ACTION_PROHIBITED'],
    async run(on) {
      return ckr(on.destroyObject(await on.createObject({ ...data, CKA_DESTROYABLE: false })));
    },
  },
  {
    name: 'an object destroyed twice',
    clause: '5.7.3',
    standard: ['CKR_OK CKR_OBJECT_HANDLE_INVALID'],
    async run(on) {
      const object = await on.createObject(data);
      return `${await ckr(on.destroyObject(object))} ${await ckr(on.destroyObject(object))}`;
    },
  },
  {
    name: 'a search for two attributes',
    clause: '5.7.7',
    standard: ['1 of 3'],
    async run(on) {
      const make = (CKA_LABEL: string, CKA_APPLICATION: string) =>
        on.createObject({ ...data, CKA_LABEL, CKA_APPLICATION });
      const wanted = await make('a', 'x');
      await make('a', 'y');
      await make('b', 'x');
      const found = await on.findObjects({ CKA_LABEL: 'a', CKA_APPLICATION: 'x' });
      return `${found.filter((each) => each === wanted).length} of ${(await on.findObjects({ CKA_CLASS: 'CKO_DATA', ...session })).length}`;
    },
  },
  {
    name: 'a certificate without its subject',
    clause: '4.6.3',
    standard: ['CKR_TEMPLATE_INCOMPLETE'],
    run: (on) =>
      ckr(
        on.createObject({
          ...session,
          CKA_CLASS: 'CKO_CERTIFICATE',
          CKA_CERTIFICATE_TYPE: 0,
          CKA_VALUE: text,
        }),
      ),
  },
];

const keys: Case[] = [
  {
    name: 'what a generated key knows of itself',
    clause: '4.8, 4.10',
    standard: [
      'CKA_LOCAL=true CKA_SENSITIVE=true CKA_ALWAYS_SENSITIVE=true CKA_EXTRACTABLE=false CKA_NEVER_EXTRACTABLE=true CKA_KEY_GEN_MECHANISM=CKM_AES_KEY_GEN',
    ],
    async run(on) {
      const key = await makeAes(on, { CKA_SENSITIVE: true, CKA_EXTRACTABLE: false });
      return shown(
        await on.getAttributes(key, [
          'CKA_LOCAL',
          'CKA_SENSITIVE',
          'CKA_ALWAYS_SENSITIVE',
          'CKA_EXTRACTABLE',
          'CKA_NEVER_EXTRACTABLE',
          'CKA_KEY_GEN_MECHANISM',
        ]),
      );
    },
  },
  {
    name: 'what an imported key knows of itself',
    clause: '4.8, 4.10',
    standard: [
      'CKA_LOCAL=false CKA_ALWAYS_SENSITIVE=false CKA_NEVER_EXTRACTABLE=false CKA_KEY_GEN_MECHANISM=-1',
    ],
    async run(on) {
      const key = await on.createObject({ ...plainAes, CKA_SENSITIVE: true });
      return shown(
        await on.getAttributes(key, [
          'CKA_LOCAL',
          'CKA_ALWAYS_SENSITIVE',
          'CKA_NEVER_EXTRACTABLE',
          'CKA_KEY_GEN_MECHANISM',
        ]),
      );
    },
  },
  {
    name: 'the value of a sensitive key, and of one that is not',
    clause: '5.7.5',
    standard: ['CKA_VALUE=undefined CKA_VALUE=bytes'],
    async run(on) {
      const hidden = await makeAes(on, { CKA_SENSITIVE: true, CKA_EXTRACTABLE: true });
      const open = await on.createObject(plainAes);
      return `${shown(await on.getAttributes(hidden, ['CKA_VALUE']))} ${shown(await on.getAttributes(open, ['CKA_VALUE']))}`;
    },
  },
  {
    name: 'CKA_SENSITIVE back to false, CKA_EXTRACTABLE back to true',
    clause: '4.10',
    standard: ['CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_READ_ONLY'],
    async run(on) {
      const key = await makeAes(on, { CKA_SENSITIVE: true, CKA_EXTRACTABLE: false });
      const first = await ckr(on.setAttributes(key, { CKA_SENSITIVE: false }));
      return `${first} ${await ckr(on.setAttributes(key, { CKA_EXTRACTABLE: true }))}`;
    },
  },
  {
    name: 'CKA_TRUSTED set by the user',
    clause: '4.10',
    standard: ['CKR_ATTRIBUTE_READ_ONLY'],
    async run(on) {
      return ckr(on.setAttributes(await makeAes(on, { CKA_WRAP: true }), { CKA_TRUSTED: true }));
    },
  },
  {
    name: 'the check value of an AES key of zeros',
    clause: '4.10',
    standard: ['dc95c0'],
    async run(on) {
      const key = await on.createObject({ ...plainAes, CKA_VALUE: Buffer.alloc(32) });
      const { CKA_CHECK_VALUE: value } = await on.getAttributes(key, ['CKA_CHECK_VALUE']);
      return value === undefined ? 'none' : Buffer.from(value).toString('hex');
    },
  },
  {
    name: 'an AES key generated without a length',
    clause: '6.13.3',
    standard: ['CKR_TEMPLATE_INCOMPLETE'],
    run: (on) => ckr(on.generateKey('CKM_AES_KEY_GEN', session)),
  },
  {
    name: 'an AES key generated with 17 bytes',
    clause: '6.13.3',
    standard: ['CKR_ATTRIBUTE_VALUE_INVALID', 'CKR_KEY_SIZE_RANGE'],
    run: (on) => ckr(makeAes(on, { CKA_VALUE_LEN: 17 })),
  },
  {
    name: 'a mechanism that makes no keys',
    clause: '5.18.1',
    standard: ['CKR_MECHANISM_INVALID'],
    run: (on) => ckr(on.generateKey('CKM_SHA256_HMAC', aesGeneration)),
  },
  {
    name: 'a curve that nobody has',
    clause: '6.3.7',
    standard: [
      'CKR_CURVE_NOT_SUPPORTED',
      'CKR_DOMAIN_PARAMS_INVALID',
      'CKR_ATTRIBUTE_VALUE_INVALID',
    ],
    run: (on) => ckr(makeEc(on, { CKA_EC_PARAMS: Buffer.from('06032a0304', 'hex') })),
  },
  {
    name: 'halves of a generated pair',
    clause: '4.8 to 4.10',
    standard: [
      'CKA_CLASS=CKO_PUBLIC_KEY CKA_LOCAL=true CKA_PRIVATE=false CKA_CLASS=CKO_PRIVATE_KEY CKA_LOCAL=true CKA_SENSITIVE=true CKA_PRIVATE=true',
    ],
    async run(on) {
      const pair = await makeEc(on, {}, { CKA_SENSITIVE: true, CKA_PRIVATE: true });
      const open = await on.getAttributes(pair.publicKey, [
        'CKA_CLASS',
        'CKA_LOCAL',
        'CKA_PRIVATE',
      ]);
      const hidden = await on.getAttributes(pair.privateKey, [
        'CKA_CLASS',
        'CKA_LOCAL',
        'CKA_SENSITIVE',
        'CKA_PRIVATE',
      ]);
      return `${shown(open)} ${shown(hidden)}`;
    },
  },
];

const work: Case[] = [
  {
    name: 'AES-GCM is that of everybody else',
    clause: '6.13.11',
    standard: ['equal'],
    async run(on) {
      const key = await on.createObject({ ...plainAes, CKA_ENCRYPT: true });
      const cipher = createCipheriv('aes-256-gcm', keyValue, iv).setAAD(gcm.additionalData);
      const expected = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
      return expected.equals(await on.encrypt(gcm, key, text)) ? 'equal' : 'something else';
    },
  },
  {
    name: 'AES-GCM with an altered tag, and too short for one',
    clause: '5.10.2',
    standard: [
      'CKR_ENCRYPTED_DATA_INVALID CKR_ENCRYPTED_DATA_LEN_RANGE',
      'CKR_ENCRYPTED_DATA_INVALID CKR_ENCRYPTED_DATA_INVALID',
      'CKR_AEAD_DECRYPT_FAILED CKR_ENCRYPTED_DATA_LEN_RANGE',
    ],
    async run(on) {
      const key = await makeAes(on, { CKA_ENCRYPT: true, CKA_DECRYPT: true });
      const sealed = await on.encrypt(gcm, key, text);
      const first = await ckr(on.decrypt(gcm, key, altered(sealed)));
      return `${first} ${await ckr(on.decrypt(gcm, key, sealed.subarray(0, 15)))}`;
    },
  },
  {
    name: 'AES-GCM with a tag of 129 bits',
    clause: '6.13.11',
    standard: ['CKR_MECHANISM_PARAM_INVALID'],
    async run(on) {
      return ckr(
        on.encrypt({ ...gcm, tagBits: 129 }, await makeAes(on, { CKA_ENCRYPT: true }), text),
      );
    },
  },
  {
    name: 'a key that may not encrypt',
    clause: '5.8.1',
    standard: ['CKR_KEY_FUNCTION_NOT_PERMITTED'],
    async run(on) {
      return ckr(on.encrypt(gcm, await makeAes(on, { CKA_ENCRYPT: false }), text));
    },
  },
  {
    name: 'a key of another type',
    clause: '5.8.1',
    standard: ['CKR_KEY_TYPE_INCONSISTENT'],
    async run(on) {
      return ckr(on.encrypt(gcm, await makeGeneric(on, { CKA_ENCRYPT: true }), text));
    },
  },
  {
    name: 'a mechanism that CKA_ALLOWED_MECHANISMS leaves out',
    clause: '4.8',
    standard: ['CKR_MECHANISM_INVALID'],
    async run(on) {
      const key = await makeGeneric(on, { CKA_ALLOWED_MECHANISMS: ['CKM_SHA384_HMAC'] });
      return ckr(on.sign('CKM_SHA256_HMAC', key, text));
    },
  },
  {
    name: 'a handle of nothing',
    clause: '5.8.1',
    standard: ['CKR_KEY_HANDLE_INVALID'],
    async run(on) {
      const key = await makeAes(on, { CKA_ENCRYPT: true });
      await on.destroyObject(key);
      return ckr(on.encrypt(gcm, key, text));
    },
  },
  {
    name: 'HMAC: right, altered and cut',
    clause: '5.15.2',
    standard: ['true false false'],
    async run(on) {
      const key = await makeGeneric(on);
      const mac = await on.sign('CKM_SHA256_HMAC', key, text);
      const all = [mac, altered(mac), mac.subarray(1)];
      return (
        await Promise.all(all.map((each) => on.verify('CKM_SHA256_HMAC', key, text, each)))
      ).join(' ');
    },
  },
  {
    name: 'ECDSA: length, right, altered and cut',
    clause: '6.3.12',
    standard: ['64 true false false'],
    async run(on) {
      const { publicKey, privateKey } = await makeEc(on);
      const digest = Buffer.alloc(32, 3);
      const signature = await on.sign('CKM_ECDSA', privateKey, digest);
      const verdicts: boolean[] = [];
      for (const each of [signature, altered(signature), signature.subarray(1)])
        verdicts.push(await on.verify('CKM_ECDSA', publicKey, digest, each));
      return `${signature.length} ${verdicts.join(' ')}`;
    },
  },
  {
    name: 'RSA-OAEP with SHA-256 and a label',
    clause: '6.1.8',
    standard: ['equal CKR_ENCRYPTED_DATA_INVALID CKR_DATA_LEN_RANGE'],
    async run(on) {
      const pair = await makeRsa(on, { CKA_ENCRYPT: true }, { CKA_DECRYPT: true });
      const sealed = await on.encrypt(oaep, pair.publicKey, text);
      const opened = await on.decrypt(oaep, pair.privateKey, sealed);
      const wrong = await ckr(on.decrypt(oaep, pair.privateKey, altered(sealed)));
      const long = await ckr(on.encrypt(oaep, pair.publicKey, Buffer.alloc(191)));
      return `${Buffer.from(opened).equals(text) ? 'equal' : 'something else'} ${wrong} ${long}`;
    },
  },
  {
    name: 'RSA-PSS of a message: right and altered',
    clause: '6.1.10',
    standard: ['256 true false'],
    async run(on) {
      const pair = await makeRsa(on, { CKA_VERIFY: true }, { CKA_SIGN: true });
      const signature = await on.sign(pss, pair.privateKey, text);
      const right = await on.verify(pss, pair.publicKey, text, signature);
      return `${signature.length} ${right} ${await on.verify(pss, pair.publicKey, text, altered(signature))}`;
    },
  },
  {
    name: 'RSA-PSS with a hash that is not the mechanism’s',
    clause: '6.1.10',
    standard: ['CKR_MECHANISM_PARAM_INVALID'],
    async run(on) {
      const pair = await makeRsa(on, { CKA_VERIFY: true }, { CKA_SIGN: true });
      return ckr(on.sign({ ...pss, hash: 'SHA-384' }, pair.privateKey, text));
    },
  },
  {
    name: 'random bytes twice',
    clause: '5.20.2',
    standard: ['different'],
    async run(on) {
      const first = Buffer.from(await on.generateRandom(32));
      return first.equals(await on.generateRandom(32)) ? 'the same' : 'different';
    },
  },
];

const KEY_WRAP = 'CKM_AES_KEY_WRAP';
const wrapping: Case[] = [
  {
    name: 'a key wrapped and unwrapped, and what it then knows of itself',
    clause: '5.18.3, 5.18.4',
    standard: ['40 CKA_LOCAL=false CKA_ALWAYS_SENSITIVE=false CKA_NEVER_EXTRACTABLE=false'],
    async run(on) {
      const wrapper = await makeAes(on, { CKA_WRAP: true, CKA_UNWRAP: true });
      const key = await makeAes(on, { CKA_EXTRACTABLE: true });
      const wrapped = await on.wrapKey(KEY_WRAP, wrapper, key);
      const again = await on.unwrapKey(KEY_WRAP, wrapper, wrapped, aes);
      const known = await on.getAttributes(again, [
        'CKA_LOCAL',
        'CKA_ALWAYS_SENSITIVE',
        'CKA_NEVER_EXTRACTABLE',
      ]);
      return `${wrapped.length} ${shown(known)}`;
    },
  },
  {
    name: 'a key that is not extractable',
    clause: '5.18.3',
    standard: ['CKR_KEY_UNEXTRACTABLE'],
    async run(on) {
      const wrapper = await makeAes(on, { CKA_WRAP: true });
      return ckr(on.wrapKey(KEY_WRAP, wrapper, await makeAes(on, { CKA_EXTRACTABLE: false })));
    },
  },
  {
    name: 'a key that asks for a trusted wrapping key',
    clause: '5.18.3',
    standard: ['CKR_KEY_NOT_WRAPPABLE'],
    async run(on) {
      const wrapper = await makeAes(on, { CKA_WRAP: true });
      const key = await makeAes(on, { CKA_EXTRACTABLE: true, CKA_WRAP_WITH_TRUSTED: true });
      return ckr(on.wrapKey(KEY_WRAP, wrapper, key));
    },
  },
  {
    name: 'a wrapping key that may not wrap',
    clause: '5.18.3',
    standard: ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT'],
    async run(on) {
      const wrapper = await makeAes(on, { CKA_WRAP: false });
      return ckr(on.wrapKey(KEY_WRAP, wrapper, await makeAes(on, { CKA_EXTRACTABLE: true })));
    },
  },
  {
    name: 'a wrapped key that was altered',
    clause: '5.18.4',
    standard: ['CKR_WRAPPED_KEY_INVALID'],
    async run(on) {
      const wrapper = await makeAes(on, { CKA_WRAP: true, CKA_UNWRAP: true });
      const key = await makeAes(on, { CKA_EXTRACTABLE: true });
      const wrapped = await on.wrapKey(KEY_WRAP, wrapper, key);
      return ckr(on.unwrapKey(KEY_WRAP, wrapper, altered(wrapped), aes));
    },
  },
  {
    name: 'a wrapping key with a wrap template, and a key that does not fit it',
    nested: true,
    clause: '4.10',
    standard: ['CKR_KEY_HANDLE_INVALID', 'CKR_KEY_NOT_WRAPPABLE'],
    async run(on) {
      const wrapper = await makeAes(on, {
        CKA_WRAP: true,
        CKA_WRAP_TEMPLATE: { CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' },
      });
      return ckr(on.wrapKey(KEY_WRAP, wrapper, await makeAes(on, { CKA_EXTRACTABLE: true })));
    },
  },
  {
    name: 'an unwrap template that the caller contradicts',
    nested: true,
    clause: '5.18.4',
    standard: ['CKR_TEMPLATE_INCONSISTENT'],
    async run(on) {
      const wrapper = await makeAes(on, {
        CKA_WRAP: true,
        CKA_UNWRAP: true,
        CKA_UNWRAP_TEMPLATE: { CKA_SENSITIVE: true },
      });
      const wrapped = await on.wrapKey(
        KEY_WRAP,
        wrapper,
        await makeAes(on, { CKA_EXTRACTABLE: true }),
      );
      return ckr(on.unwrapKey(KEY_WRAP, wrapper, wrapped, { ...aes, CKA_SENSITIVE: false }));
    },
  },
];

export const cases: readonly Case[] = [...sessions, ...objects, ...keys, ...work, ...wrapping];
