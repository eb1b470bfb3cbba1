/**
 * The recovery secret and its public half: whoever has the secret opens back-ups on any machine; the service has the
 * public half alone, and seals them with it. X25519 (RFC 7748). Forms: docs/formats/back-up.md.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';

export const keyBytes = 32;

const secretPrefix = 'strongroom-recovery-secret-1:';
const publicPrefix = 'strongroom-recovery-key-1:';
/** PKCS#8 and SubjectPublicKeyInfo of X25519 up to the 32 bytes of the key (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const info = 'strongroom back-up v1';

/** A text that is no recovery secret or key. */
export class RecoveryKeyError extends Error {
  override readonly name = 'RecoveryKeyError';
}

/** @returns the secret, which the caller hands over and wipes, and what seals for it */
export function makeRecoveryKey(): { readonly secret: Uint8Array; readonly publicKey: Uint8Array } {
  const secret = randomBytes(keyBytes);
  return { secret, publicKey: publicKeyOf(secret) };
}

export function publicKeyOf(secret: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKey(secret)).export({ format: 'der', type: 'spki' });
  return spki.subarray(spkiPrefix.length);
}

export function secretText(secret: Uint8Array): string {
  return `${secretPrefix}${Buffer.from(secret).toString('base64url')}`;
}

export function publicKeyText(publicKey: Uint8Array): string {
  return `${publicPrefix}${Buffer.from(publicKey).toString('base64url')}`;
}

/** @throws RecoveryKeyError */
export function parseSecret(text: string): Uint8Array {
  return parse(text, secretPrefix, 'recovery secret');
}

/** @throws RecoveryKeyError */
export function parsePublicKey(text: string): Uint8Array {
  return parse(text, publicPrefix, 'recovery key');
}

/** A fresh key for one back-up, for whoever has the secret. @param salt binds it to the header, made with the key's own half */
export function sealingKey(
  publicKey: Uint8Array,
  salt: (ephemeral: Uint8Array) => Uint8Array,
): { readonly key: Uint8Array; readonly ephemeral: Uint8Array } {
  const pair = generateKeyPairSync('x25519');
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const ephemeral = spki.subarray(spkiPrefix.length);
  const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: publicObject(publicKey) });
  return { key: derive(shared, salt(ephemeral)), ephemeral };
}

/** The same key again. */
export function openingKey(
  secret: Uint8Array,
  ephemeral: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  const shared = diffieHellman({
    privateKey: privateKey(secret),
    publicKey: publicObject(ephemeral),
  });
  return derive(shared, salt);
}

function derive(shared: Buffer, salt: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(hkdfSync('sha256', shared, salt, info, 32));
  } finally {
    shared.fill(0);
  }
}

function privateKey(secret: Uint8Array) {
  const der = Buffer.concat([pkcs8Prefix, secret]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

function publicObject(publicKey: Uint8Array) {
  const key = Buffer.concat([spkiPrefix, publicKey]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

function parse(text: string, prefix: string, what: string): Uint8Array {
  const encoded = text.trim();
  if (!encoded.startsWith(prefix)) throw new RecoveryKeyError(`this is no ${what}`);
  const bytes = Buffer.from(encoded.slice(prefix.length), 'base64url');
  if (bytes.length !== keyBytes) throw new RecoveryKeyError(`this ${what} is cut or altered`);
  return bytes;
}
