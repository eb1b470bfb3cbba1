/**
 * Commands that ask a running service through its admin socket.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { adminRequest } from '../admin/admin-client.ts';
import { AdminError } from '../admin/admin-protocol.ts';
import { CommandError, UsageError } from './exit.ts';

export interface AdminCommandLine {
  readonly summary: string;
  readonly help: string;
  run(argv: readonly string[]): Promise<void>;
}

/** A command line for one admin command without arguments; prints its result as JSON. */
export function adminCommand(command: string, summary: string): AdminCommandLine {
  return {
    summary,
    help: `strongroom ${command}: ${summary}\n\n  --data-dir DIR      the service's data directory      (./strongroom-data)\n`,
    async run(argv) {
      const result = await ask(command, dataDirectoryOf(argv));
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    },
  };
}

function dataDirectoryOf(argv: readonly string[]): string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      options: { 'data-dir': { type: 'string' } },
    });
    return resolve(values['data-dir'] ?? 'strongroom-data');
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function ask(command: string, dataDirectory: string): Promise<unknown> {
  try {
    return await adminRequest(dataDirectory, command);
  } catch (error) {
    if (error instanceof AdminError) throw new CommandError(`${dataDirectory}: ${error.message}`);
    throw error;
  }
}
