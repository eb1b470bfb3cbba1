/**
 * Exports of bench/native: each loop does its work `count` times and leaves the last result in the last buffer. Keys of
 * its token are numbers (tokenCreateObject), mechanisms those of PKCS#11.
 */
import { decodeAttributes, encodeTemplate } from '../src/hsm/attributes.ts';
import type { ObjectHandle, Template } from '../src/hsm/index.ts';

export interface Loops {
  /** Processor time of this thread so far. */
  threadNanoseconds(): number;
  /** That of all threads. */
  processNanoseconds(): number;
  evpGcmSeal(
    count: number,
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
  evpHmac(count: number, key: Uint8Array, data: Uint8Array, out: Uint8Array): void;
  evpRandom(count: number, out: Uint8Array): void;
  evpBufferedRandom(count: number, out: Uint8Array): void;
  evpDeriveSeal(
    count: number,
    key: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
  /** @param privateKey PKCS#8, DER */
  evpSign(
    count: number,
    mechanism: number,
    privateKey: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
  /**
   * @param publicKey SubjectPublicKeyInfo, DER
   * @param verdict 1 byte: 1 or 0
   */
  evpVerify(
    count: number,
    mechanism: number,
    publicKey: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
    verdict: Uint8Array,
  ): void;
  tokenOpen(): void;
  tokenCreateObject(attributes: [type: number, value: Uint8Array | undefined][]): number;
  tokenEncrypt(
    count: number,
    key: number,
    iv: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
  tokenEncryptMessage(
    count: number,
    key: number,
    iv: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
  tokenSign(count: number, mechanism: number, key: number, data: Uint8Array, out: Uint8Array): void;
  /** @param verdict as in evpVerify */
  tokenVerify(
    count: number,
    mechanism: number,
    key: number,
    data: Uint8Array,
    signature: Uint8Array,
    verdict: Uint8Array,
  ): void;
  tokenRandom(count: number, out: Uint8Array): void;
  tokenDeriveSeal(
    count: number,
    key: number,
    aad: Uint8Array,
    data: Uint8Array,
    out: Uint8Array,
  ): void;
}

/** The same key in the token of the session and in that of the loops. */
export interface TokenKey {
  readonly handle: ObjectHandle;
  readonly inLoops: number;
}

/** Makes an object of the loops' token. */
export const createInLoops = (loops: Loops, template: Template): number =>
  loops.tokenCreateObject(decodeAttributes(encodeTemplate(template), 0).list);
