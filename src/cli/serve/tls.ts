/**
 * TLS of a service: where its certificate comes from, and what its clients have to be told.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import type { TlsIdentity } from '../../http/server.ts';
import type { Foundation } from '../../server/foundation.ts';
import type { CertificateAndKey } from '../../server/tls/authority.ts';
import { readGivenTls } from '../../server/tls/given.ts';
import { makeEphemeralTls, openLocalTls } from '../../server/tls/local.ts';
import { certificateNames } from '../../server/tls/names.ts';
import type { ServeOptions } from './options.ts';

export interface ServiceTls {
  readonly identity: TlsIdentity;
  readonly x509: X509Certificate;
  /** Undefined: by given files, whose authority is the clients' matter. */
  readonly authority: { readonly file: string; readonly isNew: boolean } | undefined;
}

/** Files that were named are read before anything is made. @throws StartError */
export function givenCertificate({ tls }: ServeOptions): CertificateAndKey | undefined {
  return tls?.by === 'given files' ? readGivenTls(tls) : undefined;
}

/**
 * @param given of givenCertificate
 * @param parts what goes with the service
 * @throws StartError, errors of the file system
 */
export function openTls(
  { tls, host }: ServeOptions,
  given: CertificateAndKey | undefined,
  { data }: Foundation,
  parts: AsyncDisposableStack,
): ServiceTls | undefined {
  if (given !== undefined) return serviceTls(given, undefined);
  if (tls?.by !== 'local authority') return undefined;
  const names = certificateNames(host, tls.names);
  const local =
    data === undefined
      ? parts.use(makeEphemeralTls(names))
      : openLocalTls(data.directory.tls, names);
  const { server, authorityFile: file, isNewAuthority: isNew } = local;
  return serviceTls(server, { file, isNew });
}

function serviceTls(
  { certificate, key }: CertificateAndKey,
  authority: ServiceTls['authority'],
): ServiceTls {
  return {
    identity: { certificate, key, ticketKeys: randomBytes(48) },
    x509: new X509Certificate(certificate),
    authority,
  };
}
