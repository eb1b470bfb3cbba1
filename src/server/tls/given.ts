/**
 * TLS by a certificate that the operator has: files in PEM, the server's certificate first and its intermediates after it.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { errorText } from '../../values/unknown.ts';
import { StartError } from '../start-error.ts';
import type { CertificateAndKey } from './authority.ts';

export interface GivenTlsOptions {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Reads both and makes sure that a server can run on them now. @throws StartError that names the file */
export function readGivenTls(
  { certificateFile, keyFile }: GivenTlsOptions,
  nowMs: number = Date.now(),
): CertificateAndKey {
  const certificate = read(certificateFile);
  const key = read(keyFile);
  const x509 = parseCertificate(certificate, certificateFile);
  const privateKey = parseKey(key, keyFile);
  if (!x509.checkPrivateKey(privateKey)) {
    throw refused(
      `${keyFile} is not the key of the first certificate in ${certificateFile} (${x509.subject.replaceAll('\n', ', ')})`,
    );
  }
  if (x509.validToDate.getTime() <= nowMs)
    throw refused(`the certificate in ${certificateFile} expired on ${x509.validTo}`);
  if (x509.validFromDate.getTime() > nowMs)
    throw refused(`the certificate in ${certificateFile} is not valid before ${x509.validFrom}`);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (cause) {
    throw refused(
      `TLS does not take ${certificateFile} with ${keyFile}: ${errorText(cause)}`,
      cause,
    );
  }
  return { certificate, key };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (cause) {
    throw refused(`${file} cannot be read: ${errorText(cause)}`, cause);
  }
}

function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refused(`${file} holds no certificate in PEM`, cause);
  }
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const isEncrypted = /-----BEGIN ENCRYPTED|^Proc-Type: .*ENCRYPTED/m.test(pem);
    const what = isEncrypted
      ? 'is encrypted, and a server has nobody to ask for its passphrase: openssl pkey writes it without'
      : 'holds no private key in PEM';
    throw refused(`${file} ${what}`, cause);
  }
}

function refused(message: string, cause?: unknown): StartError {
  return new StartError(message, 'FAILED', { cause });
}
