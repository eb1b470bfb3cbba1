/**
 * What the signature cases share: one message, signed and verified by every implementation with the same key pair. The
 * signatures are random, so each is proved by all the others' verification.
 */
import {
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  type SignKeyObjectInput,
} from 'node:crypto';
import { promisify } from 'node:util';
import { CKM, type Mechanism, type MechanismName } from '../../src/hsm/index.ts';
import { ecdsaFromDer, ecdsaToDer } from '../../src/keystore/ecdsa-signature.ts';
import { type Case, oneBitChanged, type Variant, type Verifier } from '../runner.ts';
import type { SigningKeys } from '../signing-keys.ts';
import { awaited, call, loop, pattern, type Subjects } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, NODE_AWAITED, NODE_FIXED, SYNC, TOKEN } from './names.ts';

/** Everything here is with SHA-256; PSS with a salt of 32 bytes. */
export interface Scheme {
  readonly keys: SigningKeys;
  readonly name: MechanismName;
  /** The same with its parameter. */
  readonly mechanism: Mechanism;
  readonly signatureLength: number;
  /** Beside the key, where node:crypto's defaults are not it: a key without options costs it least. */
  readonly nodeOptions?: Omit<SignKeyObjectInput, 'key'>;
  /** Signatures are r || s. node:crypto is also timed with DER, which costs it less. */
  readonly isEcdsa: boolean;
  /** Signing takes longer than an event loop should wait, so the token does it on a thread of libuv's pool. */
  readonly signsElsewhere: boolean;
  readonly noble?: {
    sign(message: Uint8Array): Uint8Array;
    verify(signature: Uint8Array, message: Uint8Array): boolean;
  };
}

const message = pattern(256, 8);
const signInPool = promisify(nodeSign);

/** @param compare as in Case: byte-equal where the signature has nothing random in it */
export function signCase(
  name: string,
  subjects: Subjects,
  scheme: Scheme,
  compare?: 'equal',
): Case {
  const { loops, session, sync } = subjects;
  const { keys, mechanism, isEcdsa, signsElsewhere, noble } = scheme;
  const { handle, inLoops } = keys.tokenPrivate;
  const number = CKM[scheme.name];
  const out = Buffer.alloc(scheme.signatureLength);
  const nodeKey = forNode(keys.privateKey, scheme);
  const fixedKey = { key: keys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const awaitedSign = (): Promise<Uint8Array> => session.sign(mechanism, handle, message);
  const nodePool = (): Promise<Uint8Array> => signInPool('sha256', message, nodeKey);
  return {
    name,
    compare: compare ?? checks(subjects, scheme),
    variants: [
      loop(C_LOOP, out, (count) => loops.evpSign(count, number, keys.privateDer, message, out)),
      loop(TOKEN, out, (count) => loops.tokenSign(count, number, inLoops, message, out)),
      ...(signsElsewhere ? [] : [call(SYNC, () => sync.sign(mechanism, handle, message))]),
      awaited(AWAITED, awaitedSign, undefined, signsElsewhere),
      call(
        NODE,
        () => nodeSign('sha256', message, nodeKey),
        (signature) => (isEcdsa ? fromDer(signature) : signature),
      ),
      ...(isEcdsa ? [call(NODE_FIXED, () => nodeSign('sha256', message, fixedKey))] : []),
      ...(signsElsewhere ? [awaited(NODE_AWAITED, nodePool, undefined, true)] : []),
      ...(noble ? [call(NOBLE, () => noble.sign(message))] : []),
    ],
  };
}

export function verifyCase(name: string, subjects: Subjects, scheme: Scheme): Case {
  const made = nodeSign('sha256', message, forNode(scheme.keys.privateKey, scheme));
  const signature = scheme.isEcdsa ? fromDer(made) : made;
  const variants = checks(subjects, scheme).map(
    (check): Variant => ({
      name: check.name,
      proof: () => verdicts(check, signature),
      run: (count) => check.run(count, signature),
    }),
  );
  return { name, compare: 'equal', variants };
}

const forNode = (key: KeyObject, { nodeOptions }: Scheme): KeyObject | SignKeyObjectInput =>
  nodeOptions === undefined ? key : { ...nodeOptions, key };

/** A verifier of r || s, or of RSA's, that can be timed. */
interface Check extends Verifier {
  run(count: number, signature: Uint8Array): void | Promise<void>;
}

function checks({ loops, session, sync }: Subjects, scheme: Scheme): Check[] {
  const { keys, mechanism, isEcdsa, noble } = scheme;
  const { handle, inLoops } = keys.tokenPublic;
  const number = CKM[scheme.name];
  const nodeKey = forNode(keys.publicKey, scheme);
  const fixedKey = { key: keys.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  const byNode = called(NODE, (signature) => nodeVerify('sha256', message, nodeKey, signature));
  return [
    looped(C_LOOP, (count, signature, verdict) =>
      loops.evpVerify(count, number, keys.publicDer, message, signature, verdict),
    ),
    looped(TOKEN, (count, signature, verdict) =>
      loops.tokenVerify(count, number, inLoops, message, signature, verdict),
    ),
    called(SYNC, (signature) => sync.verify(mechanism, handle, message, signature)),
    {
      name: AWAITED,
      verify: (signature) => session.verify(mechanism, handle, message, signature),
      async run(count, signature) {
        for (let i = 0; i < count; i += 1) await this.verify(signature);
      },
    },
    isEcdsa ? reformed(ecdsaToDer, byNode) : byNode,
    ...(isEcdsa
      ? [called(NODE_FIXED, (signature) => nodeVerify('sha256', message, fixedKey, signature))]
      : []),
    ...(noble ? [called(NOBLE, (signature) => noble.verify(signature, message))] : []),
  ];
}

function looped(
  name: string,
  run: (count: number, signature: Uint8Array, verdict: Uint8Array) => void,
): Check {
  const verdict = new Uint8Array(1);
  return {
    name,
    verify(signature) {
      verdict[0] = 2; // neither yes nor no
      run(1, signature, verdict);
      return verdict[0] === 1;
    },
    run: (count, signature) => run(count, signature, verdict),
  };
}

function called(name: string, verify: (signature: Uint8Array) => boolean): Check {
  return {
    name,
    verify,
    run(count, signature) {
      for (let i = 0; i < count; i += 1) verify(signature);
    },
  };
}

/** A check of another form of the signature, which is made outside the timing. */
const reformed = (form: (signature: Uint8Array) => Uint8Array, check: Check): Check => ({
  name: check.name,
  verify: (signature) => check.verify(form(signature)),
  run: (count, signature) => check.run(count, form(signature)),
});

function fromDer(signature: Uint8Array): Uint8Array {
  const numbers = ecdsaFromDer(signature, 32);
  if (numbers === undefined) throw new Error('not an ECDSA signature in DER');
  return numbers;
}

/** Two bytes that are 1 and 0 when the signature is accepted and a changed one refused. @throws Error otherwise */
async function verdicts({ name, verify }: Verifier, signature: Uint8Array): Promise<Uint8Array> {
  const good = await verify(signature);
  const changed = await verify(oneBitChanged(signature));
  if (!good || changed) throw new Error(`'${name}' says ${good} and, of a changed one, ${changed}`);
  return Uint8Array.of(1, 0);
}
