/**
 * What the signature cases share: one message, signed and verified by every implementation with the same key pair. The
 * signatures are random, so each is proved by all the others' verification.
 */
import { sign as nodeSign, verify as nodeVerify, type SignKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';
import { CKM, type Mechanism, type MechanismName } from '../../src/hsm/index.ts';
import { type Case, oneBitChanged, type Variant, type Verifier } from '../runner.ts';
import type { SigningKeys } from '../signing-keys.ts';
import { awaited, call, loop, pattern, type Subjects } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, SYNC, TOKEN } from './names.ts';

/** Everything here is with SHA-256; PSS with a salt of 32 bytes. */
export interface Scheme {
  readonly keys: SigningKeys;
  readonly name: MechanismName;
  /** The same with its parameter. */
  readonly mechanism: Mechanism;
  readonly signatureLength: number;
  /** Beside the key. */
  readonly nodeOptions: Omit<SignKeyObjectInput, 'key'>;
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
  const { keys, mechanism, signsElsewhere, noble } = scheme;
  const { handle, inLoops } = keys.tokenPrivate;
  const number = CKM[scheme.name];
  const out = Buffer.alloc(scheme.signatureLength);
  const nodeKey = { ...scheme.nodeOptions, key: keys.privateKey };
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
      call(NODE, () => nodeSign('sha256', message, nodeKey)),
      ...(signsElsewhere ? [awaited(`${NODE}, awaited`, nodePool, undefined, true)] : []),
      ...(noble ? [call(NOBLE, () => noble.sign(message))] : []),
    ],
  };
}

export function verifyCase(name: string, subjects: Subjects, scheme: Scheme): Case {
  const { keys, nodeOptions } = scheme;
  const signature = nodeSign('sha256', message, { ...nodeOptions, key: keys.privateKey });
  const variants = checks(subjects, scheme).map(
    (check): Variant => ({
      name: check.name,
      proof: () => verdicts(check, signature),
      run: (count) => check.run(count, signature),
    }),
  );
  return { name, compare: 'equal', variants };
}

/** A verifier that can be timed. */
interface Check extends Verifier {
  run(count: number, signature: Uint8Array): void | Promise<void>;
}

function checks({ loops, session, sync }: Subjects, scheme: Scheme): Check[] {
  const { keys, mechanism, noble } = scheme;
  const { handle, inLoops } = keys.tokenPublic;
  const number = CKM[scheme.name];
  const nodeKey = { ...scheme.nodeOptions, key: keys.publicKey };
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
    called(NODE, (signature) => nodeVerify('sha256', message, nodeKey, signature)),
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

/** Two bytes that are 1 and 0 when the signature is accepted and a changed one refused. @throws Error otherwise */
async function verdicts({ name, verify }: Verifier, signature: Uint8Array): Promise<Uint8Array> {
  const good = await verify(signature);
  const changed = await verify(oneBitChanged(signature));
  if (!good || changed) throw new Error(`'${name}' says ${good} and, of a changed one, ${changed}`);
  return Uint8Array.of(1, 0);
}
