/**
 * As much X.509 as a local certificate authority writes: version 3 certificates of ECDSA keys on P-256.
 * Source: RFC 5280 (profile), RFC 5480 (keys), RFC 5758 (ecdsa-with-SHA256), RFC 7093 (key identifiers).
 *
 * Written here because Node reads certificates and makes none, and the key store's DER writer is there already: a
 * library for it would bring some fifteen packages into every installation.
 */
import { hash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { derTag, readDer, readWholeDer, writeDer, writeDerUnsigned } from '../../keystore/der.ts';

/** Tags that certificates use beyond those of keys and signatures. */
const tag = {
  boolean: 0x01,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  set: 0x31,
  /** [n] of a primitive. */
  value: (number: number): number => 0x80 | number,
  /** [n] of what holds elements. */
  group: (number: number): number => 0xa0 | number,
} as const;

const TRUE = writeDer(tag.boolean, Buffer.of(0xff));
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

export interface Certificate {
  /** Common name, the one attribute of the name. */
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  /** Milliseconds since the epoch; whole seconds are kept. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Uint8Array[];
}

/** @param issuerKey private, on P-256. @returns the signed certificate in PEM */
export function signCertificate(certificate: Certificate, issuerKey: KeyObject): string {
  const { subject, issuer, publicKey, notBeforeMs, notAfterMs, extensions } = certificate;
  const toBeSigned = sequence(
    writeDer(tag.group(0), writeDerUnsigned(Buffer.of(2))), // v3
    writeDerUnsigned(randomBytes(16)), // a serial number nobody can foresee (RFC 5280, 4.1.2.2)
    ECDSA_WITH_SHA256,
    name(issuer),
    sequence(time(notBeforeMs), time(notAfterMs)),
    name(subject),
    publicKeyInfo(publicKey),
    writeDer(tag.group(3), sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuerKey);
  return pem(sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(0, signature)));
}

/** 4.2.1.9: an authority signs servers and no further authorities. */
export function basicConstraints(isAuthority: boolean): Uint8Array {
  const value = isAuthority ? sequence(TRUE, writeDerUnsigned(Buffer.of(0))) : sequence();
  return extension('2.5.29.19', true, value);
}

/** 4.2.1.3, of an authority or of a server with an ECDSA key. */
export function keyUsage(usage: 'keyCertSign' | 'digitalSignature'): Uint8Array {
  const bits =
    usage === 'keyCertSign' ? bitString(2, Buffer.of(0x04)) : bitString(7, Buffer.of(0x80));
  return extension('2.5.29.15', true, bits);
}

/** 4.2.1.12: for TLS servers. */
export function serverAuth(): Uint8Array {
  return extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1')));
}

/** 4.2.1.6. @param names DNS names and IP addresses */
export function subjectAltName(names: readonly string[]): Uint8Array {
  return extension('2.5.29.17', false, sequence(...names.map((each) => generalName(each, false))));
}

/** 4.2.1.10: the only names that what this authority signs may have. */
export function nameConstraints(names: readonly string[]): Uint8Array {
  const permitted = writeDer(tag.group(0), ...names.map(permittedSubtree));
  return extension('2.5.29.30', true, sequence(permitted));
}

/** @param certificate DER of one with nameConstraints. @returns whether they permit a name as they were written for it */
export function permits(certificate: Uint8Array, permittedName: string): boolean {
  return Buffer.from(certificate).includes(Buffer.from(permittedSubtree(permittedName)));
}

/** 4.2.1.2. */
export function subjectKeyIdentifier(publicKey: KeyObject): Uint8Array {
  return extension('2.5.29.14', false, writeDer(derTag.octetString, keyIdentifier(publicKey)));
}

/** 4.2.1.1. */
export function authorityKeyIdentifier(publicKey: KeyObject): Uint8Array {
  const identifier = writeDer(tag.value(0), keyIdentifier(publicKey));
  return extension('2.5.29.35', false, sequence(identifier));
}

function extension(identifier: string, critical: boolean, value: Uint8Array): Uint8Array {
  const isCritical = critical ? [TRUE] : [];
  return sequence(objectIdentifier(identifier), ...isCritical, writeDer(derTag.octetString, value));
}

function permittedSubtree(permittedName: string): Uint8Array {
  return sequence(generalName(permittedName, true));
}

/** @param asConstraint an address with a mask of its whole length, a wildcard without its star */
function generalName(text: string, asConstraint: boolean): Uint8Array {
  if (isIP(text) === 0) {
    const dnsName = asConstraint ? text.replace(/^\*\./, '') : text;
    return writeDer(tag.value(2), Buffer.from(dnsName, 'latin1'));
  }
  const address = addressBytes(text);
  const mask = asConstraint ? [Buffer.alloc(address.length, 0xff)] : [];
  return writeDer(tag.value(7), address, ...mask);
}

/** In network byte order: 4 or 16 bytes. */
function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes every IPv6 address in groups of hexadecimal digits.
  const { hostname } = new URL(`http://[${address}]/`);
  const [left = '', right] = hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(left);
  const after = groups(right ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from(
    [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function name(commonName: string): Uint8Array {
  const value = writeDer(tag.utf8String, Buffer.from(commonName, 'utf8'));
  return sequence(writeDer(tag.set, sequence(objectIdentifier('2.5.4.3'), value)));
}

/** 4.1.2.5: two digits of the year until 2049. */
function time(timeMs: number): Uint8Array {
  const digits = new Date(timeMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  const isShort = digits < '2050';
  const text = Buffer.from(isShort ? digits.slice(2) : digits, 'latin1');
  return writeDer(isShort ? tag.utcTime : tag.generalizedTime, text);
}

function publicKeyInfo(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key's bits. */
function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const content = readWholeDer(publicKeyInfo(publicKey), derTag.sequence);
  const algorithm = content && readDer(content, derTag.sequence);
  const bits = algorithm && readWholeDer(algorithm.rest, derTag.bitString);
  if (bits === undefined) throw new TypeError('a public key info has an algorithm and bits');
  return hash('sha256', bits.subarray(1), 'buffer').subarray(0, 20);
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return writeDer(derTag.sequence, ...parts);
}

/** @param unusedBits of the last byte */
function bitString(unusedBits: number, bytes: Uint8Array): Uint8Array {
  return writeDer(derTag.bitString, Buffer.of(unusedBits), bytes);
}

/** @param dotted such as 2.5.4.3 */
function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...arcs].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let rest = arc >> 7; rest > 0; rest >>= 7) septets.unshift(0x80 | (rest & 0x7f));
    return septets;
  });
  return writeDer(derTag.objectIdentifier, Buffer.from(bytes));
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
