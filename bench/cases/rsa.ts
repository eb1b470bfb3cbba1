/** RSA-2048 with SHA-256. noble has no RSA. */
import { constants } from 'node:crypto';
import type { Case } from '../runner.ts';
import type { Subjects } from '../subjects.ts';
import { type Scheme, signCase, verifyCase } from './signatures.ts';

export function rsaCases(subjects: Subjects): Case[] {
  const rsa = {
    keys: subjects.rsa2048,
    signatureLength: 256,
    isEcdsa: false,
    signsElsewhere: true,
  };
  const pss: Scheme = {
    ...rsa,
    name: 'CKM_SHA256_RSA_PKCS_PSS',
    mechanism: { mechanism: 'CKM_SHA256_RSA_PKCS_PSS', hash: 'SHA-256' },
    nodeOptions: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  };
  const pkcs1: Scheme = {
    ...rsa,
    name: 'CKM_SHA256_RSA_PKCS',
    mechanism: 'CKM_SHA256_RSA_PKCS',
  };
  return [
    signCase('RSA-2048 PSS sign', subjects, pss),
    verifyCase('RSA-2048 PSS verify', subjects, pss),
    signCase('RSA-2048 PKCS1 sign', subjects, pkcs1, 'equal'),
  ];
}
