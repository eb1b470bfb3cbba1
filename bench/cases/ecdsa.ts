/** ECDSA with SHA-256: signatures are r || s, 64 bytes. */
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Case } from '../runner.ts';
import type { SigningKeys } from '../signing-keys.ts';
import type { Subjects } from '../subjects.ts';
import { type Scheme, signCase, verifyCase } from './signatures.ts';

export function ecdsaCases(subjects: Subjects): Case[] {
  const onP256 = ecdsa(subjects.p256, p256);
  const onSecp256k1 = ecdsa(subjects.secp256k1, secp256k1);
  return [
    signCase('ECDSA P-256 sign', subjects, onP256),
    verifyCase('ECDSA P-256 verify', subjects, onP256),
    signCase('ECDSA secp256k1 sign', subjects, onSecp256k1),
    verifyCase('ECDSA secp256k1 verify', subjects, onSecp256k1),
  ];
}

function ecdsa(keys: SigningKeys, noble: typeof p256): Scheme {
  return {
    keys,
    name: 'CKM_ECDSA_SHA256',
    mechanism: 'CKM_ECDSA_SHA256',
    signatureLength: 64,
    isEcdsa: true,
    signsElsewhere: false,
    noble: {
      sign: (message) => noble.sign(message, keys.scalar),
      // FIPS 186-5 takes either s.
      verify: (signature, message) => noble.verify(signature, message, keys.point, { lowS: false }),
    },
  };
}
