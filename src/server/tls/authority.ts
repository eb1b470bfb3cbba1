/**
 * The local certificate authority: it signs one server's certificates, and clients are told to trust it.
 *
 * It is valid for ten years, so that clients are told once, and its certificate binds it by name constraints to the
 * names of that server: whoever gets hold of its key can pass for no other site. Server certificates live 825 days
 * and are made anew at a start that finds less than half of that left, so a running one does not run out.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { isNamed } from './names.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  nameConstraints,
  permits,
  serverAuth,
  signCertificate,
  subjectAltName,
  subjectKeyIdentifier,
} from './x509.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_652;
const SERVER_DAYS = 825;
/** Clients whose clock is behind ours take a new certificate too. */
const BACKDATED_MS = 3_600_000;

/** A certificate and its private key, each in PEM. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

/** @param names that it may ever sign for: DNS names and IP addresses, lower-case */
export function makeAuthority(names: readonly string[], nowMs: number): CertificateAndKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // A client that trusts several of them finds the right one by its name.
  const subject = `Strongroom local authority ${randomBytes(4).toString('hex')}`;
  const certificate = signCertificate(
    {
      subject,
      issuer: subject,
      publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + AUTHORITY_DAYS * DAY_MS,
      extensions: [
        basicConstraints(true),
        keyUsage('keyCertSign'),
        nameConstraints(names),
        subjectKeyIdentifier(publicKey),
      ],
    },
    privateKey,
  );
  return { certificate, key: keyPem(privateKey) };
}

/** A new key and a certificate for it. @param names as for makeAuthority, at least one */
export function issue(
  authority: CertificateAndKey,
  names: readonly string[],
  nowMs: number,
): CertificateAndKey {
  const issuer = new X509Certificate(authority.certificate);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = signCertificate(
    {
      subject: names[0] ?? '',
      issuer: issuer.subject.replace(/^CN=/, ''),
      publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + SERVER_DAYS * DAY_MS,
      extensions: [
        basicConstraints(false),
        keyUsage('digitalSignature'),
        serverAuth(),
        subjectAltName(names),
        subjectKeyIdentifier(publicKey),
        authorityKeyIdentifier(issuer.publicKey),
      ],
    },
    createPrivateKey(authority.key),
  );
  return { certificate, key: keyPem(privateKey) };
}

/** Whether it can sign for all of these names, for as long as a server certificate lives. */
export function canIssue(
  authority: X509Certificate,
  names: readonly string[],
  nowMs: number,
): boolean {
  const isLongEnough = authority.validToDate.getTime() >= nowMs + SERVER_DAYS * DAY_MS;
  return isLongEnough && names.every((name) => permits(authority.raw, name));
}

/** Whether a server certificate of the authority's can be used on: it has these names, and half its life left. */
export function isCurrent(
  server: X509Certificate,
  authority: X509Certificate,
  names: readonly string[],
  nowMs: number,
): boolean {
  return (
    server.checkIssued(authority) &&
    server.verify(authority.publicKey) &&
    server.validToDate.getTime() - nowMs > (SERVER_DAYS / 2) * DAY_MS &&
    names.every((name) => isNamed(server, name))
  );
}

function keyPem(key: ReturnType<typeof createPrivateKey>): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}
