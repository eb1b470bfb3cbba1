/**
 * What is measured: the C loops, and a token in this process with the keys that the C loops and the other libraries
 * have, too. Keys and inputs are fixed; nothing here is secret.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Session, SyncSession, Template } from '../src/hsm/index.ts';
import { openDevice } from '../src/link/in-process.ts';
import { createInLoops, type Loops, type TokenKey } from './loops.ts';
import type { Variant } from './runner.ts';
import { type SigningKeys, signingKeys } from './signing-keys.ts';

/** `length` bytes that are neither equal nor random. */
export const pattern = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31) & 0xff));

export const aesKey: Buffer = pattern(32, 1);
/** Of the HMAC key and the sealing key. */
export const secret: Buffer = pattern(32, 2);
export const iv: Buffer = pattern(12, 3);
export const aad: Buffer = pattern(32, 4);

export interface Subjects extends AsyncDisposable {
  readonly loops: Loops;
  readonly session: Session;
  readonly sync: SyncSession;
  readonly aes: TokenKey;
  readonly mac: TokenKey;
  readonly sealing: TokenKey;
  readonly p256: SigningKeys;
  readonly secp256k1: SigningKeys;
  readonly rsa2048: SigningKeys;
}

/** @param addon path of the bench's addon */
export async function openSubjects(addon: string): Promise<Subjects> {
  const loops = createRequire(import.meta.url)(addon) as Loops;
  loops.tokenOpen();

  const device = await openDevice({
    flashDirectory: null,
    slotCount: 1,
    create: true,
    pinIterations: 1,
  });
  const [slot] = await device.slots();
  if (slot === undefined) throw new Error('the device has no slot');
  await slot.initToken('bench SO PIN', 'bench');
  const session = await slot.openSession({ readWrite: true });
  await session.login('so', 'bench SO PIN');
  await session.initPin('bench PIN');
  await session.logout();
  await session.login('user', 'bench PIN');
  if (session.sync === undefined) throw new Error('the link cannot execute on this thread');

  const createKey = async (template: Template): Promise<TokenKey> => ({
    handle: await session.createObject(template),
    inLoops: createInLoops(loops, template),
  });
  const secretKey = {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_TOKEN: false,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
  } as const;
  const genericSecret: Template = {
    ...secretKey,
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_VALUE: secret,
  };
  const p256 = await signingKeys(generateKeyPairSync('ec', { namedCurve: 'P-256' }), createKey);
  const secp256k1 = await signingKeys(
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    createKey,
  );
  const rsa2048 = await signingKeys(generateKeyPairSync('rsa', { modulusLength: 2048 }), createKey);
  // The first use of an algorithm runs its self-test, which no synchronous call waits for.
  await session.sign('CKM_ECDSA_SHA256', p256.tokenPrivate.handle, secret);
  await session.sign('CKM_ECDSA_SHA256', secp256k1.tokenPrivate.handle, secret);
  await session.sign('CKM_SHA256_RSA_PKCS', rsa2048.tokenPrivate.handle, secret);
  return {
    loops,
    session,
    sync: session.sync,
    aes: await createKey({
      ...secretKey,
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_ENCRYPT: true,
      CKA_VALUE: aesKey,
    }),
    mac: await createKey({ ...genericSecret, CKA_SIGN: true }),
    sealing: await createKey({ ...genericSecret, CKA_DERIVE: true }),
    p256,
    secp256k1,
    rsa2048,
    [Symbol.asyncDispose]: () => device.close(),
  };
}

/** A loop in C. `out` receives its result. */
export function loop(
  name: string,
  out: Uint8Array,
  run: (count: number) => void,
  check = same,
): Variant {
  return {
    name,
    proof: () => {
      out.fill(0);
      run(1);
      return check(out);
    },
    run,
  };
}

/** A synchronous call in JavaScript. `check` turns its result into what is compared, outside the timing. */
export function call(name: string, once: () => Uint8Array): Variant;
export function call<T>(name: string, once: () => T, check: (result: T) => Uint8Array): Variant;
export function call(
  name: string,
  once: () => unknown,
  check: (result: never) => Uint8Array = same,
): Variant {
  return {
    name,
    proof: () => check(once() as never),
    run(count) {
      for (let i = 0; i < count; i += 1) once();
    },
  };
}

/** A call in JavaScript that is awaited each time. `elsewhere`: other threads do its work. */
export function awaited(
  name: string,
  once: () => Promise<Uint8Array>,
  check = same,
  elsewhere = false,
): Variant {
  return {
    name,
    elsewhere,
    proof: async () => check(await once()),
    async run(count) {
      for (let i = 0; i < count; i += 1) await once();
    },
  };
}

const same = (output: Uint8Array): Uint8Array => output;
