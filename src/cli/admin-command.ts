/**
 * Commands that ask a running service through its admin socket.
 */
import { adminRequest } from '../admin/admin-client.ts';
import { type AdminArguments, AdminError } from '../admin/admin-protocol.ts';
import { dataDirectoryPath, parseCommandLine } from './arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from './command.ts';
import { CommandError } from './exit.ts';
import { print, printJson } from './output.ts';

/**
 * A command line for one admin command without arguments, called as `words` say; prints its result: text as it is, anything else
 * as JSON.
 */
export function adminCommand(
  command: string,
  summary: string,
  words: string = command,
): CommandLine {
  return {
    help: `strongroom ${words}: ${summary}

  --data-dir DIR      the service's data directory               (./strongroom-data)

${EXIT_CODES_HELP}`,
    async run(argv) {
      const { values } = parseCommandLine(argv, { options: { 'data-dir': { type: 'string' } } });
      const result = await askService(dataDirectoryPath(values['data-dir']), command);
      if (typeof result === 'string') print(result);
      else printJson(result);
    },
  };
}

/** @throws CommandError */
export async function askService(
  dataDirectory: string,
  command: string,
  args: AdminArguments = {},
): Promise<unknown> {
  try {
    return await adminRequest(dataDirectory, command, args);
  } catch (error) {
    if (error instanceof AdminError) throw new CommandError(`${dataDirectory}: ${error.message}`);
    throw error;
  }
}
