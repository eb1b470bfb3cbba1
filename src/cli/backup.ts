/**
 * `strongroom backup`, `strongroom restore` and `strongroom recovery create`.
 */
import { resolve } from 'node:path';
import type { BackUpReport } from '../server/backup/back-up.ts';
import { RecoveryKeyError } from '../server/backup/recovery-key.ts';
import {
  createRecoverySecret,
  readRecoverySecret,
  recoverySecretFileDefault,
} from '../server/backup/recovery-secret.ts';
import { restore } from '../server/backup/restore.ts';
import { BackUpError } from '../server/backup/sealed-stream.ts';
import { askService } from './admin-command.ts';
import { dataDirectoryPath, parseCommandLine } from './arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from './command.ts';
import { CommandError, UsageError } from './exit.ts';
import { print } from './output.ts';
import { commandError } from './serve/command-error.ts';

const DATA_HELP = `\
  --data-dir DIR      the service's data directory               (./strongroom-data)
`;

export const backupCommand: CommandLine = {
  help: `strongroom backup FILE: back up a running service, sealed for its recovery secret

${DATA_HELP}
FILE is made whole or not at all, and never over another one. Requests go on. It holds everything of the data directory as
it is at one moment: device, keys, audit log, credentials. strongroom recovery create comes first, once.

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      options: { 'data-dir': { type: 'string' } },
      allowPositionals: true,
    });
    const file = onlyFile('backup', positionals);
    const dataDirectory = dataDirectoryPath(values['data-dir']);
    const report = (await askService(dataDirectory, 'back-up', { file })) as BackUpReport;
    const { bytes, fileCount, heldMs } = report;
    print(`${file}: ${fileCount} files, ${bytes} bytes; writes waited ${heldMs} ms\n`);
  },
};

export const restoreCommand: CommandLine = {
  help: `strongroom restore FILE: make a data directory from a back-up

  --data-dir DIR              what is made; it must not be there, or be empty   (./strongroom-data)
  --recovery-secret-file FILE the recovery secret                               (DIR.recovery-secret)
  --device-from DIR           a data directory of the same device: its device is taken, not the back-up's

On the machine of the device take --device-from: the device knows which keys were destroyed, and how often PINs were tried,
since the back-up. On a new machine both are as they were at the back-up: what was destroyed since is there again.

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      options: {
        'data-dir': { type: 'string' },
        'recovery-secret-file': { type: 'string' },
        'device-from': { type: 'string' },
      },
      allowPositionals: true,
    });
    const file = onlyFile('restore', positionals);
    const directory = dataDirectoryPath(values['data-dir']);
    const secretFile = values['recovery-secret-file'] ?? recoverySecretFileDefault(directory);
    const deviceFrom = values['device-from'];
    const report = await inWords(deviceFrom, async () => {
      const secret = readRecoverySecret(resolve(secretFile));
      try {
        return await restore({
          file,
          secret,
          directory,
          ...(deviceFrom !== undefined && { deviceFrom: resolve(deviceFrom) }),
        });
      } finally {
        secret.fill(0);
      }
    });
    print(`${report.directory}: as it was at ${report.createdAt}, device ${report.deviceId}\n`);
  },
};

export const recoveryCreateCommand: CommandLine = {
  help: `strongroom recovery create: make the secret that opens back-ups

${DATA_HELP}\
  --recovery-secret-file FILE  where it is written, once: outside the data directory  (DIR.recovery-secret)
  --replace                    another one, for back-ups from now on; older ones need the older one

The service keeps the public half, which seals and does not open. Move the file to a safe place, not beside the back-ups.

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: {
        'data-dir': { type: 'string' },
        'recovery-secret-file': { type: 'string' },
        replace: { type: 'boolean' },
      },
    });
    const directory = dataDirectoryPath(values['data-dir']);
    const file = resolve(values['recovery-secret-file'] ?? recoverySecretFileDefault(directory));
    await inWords(directory, async () =>
      createRecoverySecret(directory, file, values.replace ?? false),
    );
    print(`the recovery secret is in ${file}, written once: move it to a safe place\n`);
  },
};

function onlyFile(command: string, words: readonly string[]): string {
  const [file, ...others] = words;
  if (!file || others.length > 0) throw new UsageError(`strongroom ${command} takes one FILE`);
  return resolve(file);
}

/** @throws CommandError for trouble that people can mend */
async function inWords<T>(directory: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackUpError || error instanceof RecoveryKeyError)
      throw new CommandError(error.message, undefined, { cause: error });
    throw commandError(error, directory);
  }
}
