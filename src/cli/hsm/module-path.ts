/**
 * `strongroom hsm module-path`.
 */
import { moduleFile } from '../../native/pkcs11-module.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError } from '../exit.ts';
import { print } from '../output.ts';

export const hsmModulePath: CommandLine = {
  help: `strongroom hsm module-path: prints where libstrongroom-pkcs11.so is, for programs that load a PKCS#11 module

Example:
  pkcs11-tool --module "$(strongroom hsm module-path)" --list-slots

${EXIT_CODES_HELP}`,
  async run(argv) {
    parseCommandLine(argv, { options: {} });
    const found = moduleFile();
    if ('missing' in found) throw new CommandError(found.missing);
    print(`${found.file}\n`);
  },
};
