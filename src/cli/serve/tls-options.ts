/**
 * The TLS flags of `strongroom serve`.
 */
import { resolve } from 'node:path';
import type { GivenTlsOptions } from '../../server/tls/given.ts';
import { isTlsName } from '../../server/tls/names.ts';
import { UsageError } from '../exit.ts';

export type TlsOptions =
  | { readonly by: 'local authority'; readonly names: readonly string[] }
  | ({ readonly by: 'given files' } & GivenTlsOptions);

export const TLS_HELP = `\
  --tls               HTTPS, by a local certificate authority made at first use
  --tls-name NAME     a further DNS name or IP address for its certificate; repeatable
  --tls-cert FILE     HTTPS by this certificate (PEM, intermediates after it)
  --tls-key FILE      and its private key (PEM, not encrypted)
`;

export const TLS_FLAGS = {
  tls: { type: 'boolean' },
  'tls-name': { type: 'string', multiple: true },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
} as const;

export interface TlsValues {
  readonly tls?: boolean;
  readonly 'tls-name'?: readonly string[];
  readonly 'tls-cert'?: string;
  readonly 'tls-key'?: string;
}

/** @throws UsageError for flags that do not go together */
export function tlsOptions(values: TlsValues): TlsOptions | undefined {
  const { tls = false, 'tls-name': names, 'tls-cert': certificate, 'tls-key': key } = values;
  if (certificate !== undefined || key !== undefined) {
    if (!certificate || !key)
      throw new UsageError('--tls-cert and --tls-key take a file each, and go together');
    if (tls || names !== undefined) {
      throw new UsageError(
        '--tls and --tls-name are for a certificate made here: leave them out with --tls-cert',
      );
    }
    return { by: 'given files', certificateFile: resolve(certificate), keyFile: resolve(key) };
  }
  if (names !== undefined && !tls) throw new UsageError('--tls-name needs --tls');
  for (const name of names ?? []) {
    if (!isTlsName(name))
      throw new UsageError(`--tls-name takes a DNS name or an IP address, not '${name}'`);
  }
  return tls ? { by: 'local authority', names: names ?? [] } : undefined;
}
