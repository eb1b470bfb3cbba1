/**
 * What a start says to the person at the terminal, on standard error: where it put what it made, and the lines to paste.
 * A start that made nothing says nothing.
 */
import type { Foundation } from '../../server/foundation.ts';
import type { ServeOptions } from './options.ts';
import type { ServiceTls } from './tls.ts';

export function announce(
  { data }: Foundation,
  { data: options, regions }: ServeOptions,
  authority: ServiceTls['authority'],
  endpoint: string,
): void {
  const made: string[] = [];
  const exports: string[] = [];
  if (data?.isNew) {
    made.push(
      `made a device for ${regions.join(', ')} in ${data.directory.root}`,
      `the security officer's PIN is in ${options?.soPinFile}, written once: move it to a safe place`,
    );
  }
  if (authority?.isNew) {
    made.push(`made a certificate authority; clients have to trust ${authority.file}`);
    exports.push(`NODE_EXTRA_CA_CERTS=${authority.file} AWS_CA_BUNDLE=${authority.file}`);
  }
  if (data?.isNewCredential) {
    exports.push(`AWS_SHARED_CREDENTIALS_FILE=${data.directory.credentials}`);
  }
  for (const line of made) process.stderr.write(`${line}\n`);
  if (exports.length === 0) return;
  const lines = [...exports, `AWS_REGION=${regions[0]}`].map((line) => `  export ${line}\n`);
  process.stderr.write(
    `\npaste to use it:\n${lines.join('')}  aws kms list-keys --endpoint-url ${endpoint}\n\n`,
  );
}
