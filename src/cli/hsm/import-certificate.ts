/**
 * `strongroom hsm import certificate`.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { certificateTemplate } from '../../hsm/index.ts';
import { errorText } from '../../values/unknown.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { USER_FLAGS, USER_HELP, withUser } from './device.ts';
import { idBytes } from './object-views.ts';

export const hsmImportCertificate: CommandLine = {
  help: `strongroom hsm import certificate FILE [FLAGS]: puts an X.509 certificate on the token
FILE is PEM or DER; of several in one file, the first. The token keeps it and verifies nothing. Programs find
the key of a certificate by an ID that both have. Prints its CKA_UNIQUE_ID.

  --label TEXT        its CKA_LABEL
  --id HEX            its CKA_ID, two hexadecimal digits a byte
${USER_HELP}\
  --json              JSON, in place of the CKA_UNIQUE_ID

Example:
  strongroom hsm import certificate signer.pem --label signer --id 01

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: {
        ...USER_FLAGS,
        label: { type: 'string' },
        id: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0)
      throw new UsageError('hsm import certificate takes one file');
    const id = values.id === undefined ? {} : { CKA_ID: idBytes(values.id) };
    const label = values.label === undefined ? {} : { CKA_LABEL: values.label };
    const certificate = readCertificate(file);
    await withUser(values, true, async (session) => {
      const object = await session.createObject({
        ...certificateTemplate(certificate.raw),
        CKA_TOKEN: true,
        CKA_PRIVATE: false,
        ...label,
        ...id,
      });
      const { CKA_UNIQUE_ID: uniqueId = '' } = await session.getAttributes(object, [
        'CKA_UNIQUE_ID',
      ]);
      if (values.json) printJson({ uniqueId, subject: certificate.subject.replaceAll('\n', ', ') });
      else print(`${uniqueId}\n`);
    });
  },
};

/** PEM or DER. @throws CommandError */
export function readCertificate(file: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(file));
  } catch (cause) {
    const { syscall } = cause as NodeJS.ErrnoException;
    const why = syscall === undefined ? `${file} is no X.509 certificate` : errorText(cause);
    throw new CommandError(why, undefined, { cause });
  }
}
