/** The commands of the admin plane. A command is a row: its name and what it does. */
import { type AdminArguments, AdminError } from './admin-protocol.ts';

export interface AdminCommand {
  readonly name: string;
  /** @returns what JSON can hold. @throws AdminError; any other error becomes FAILED with its message. */
  run(args: AdminArguments): unknown;
}

/** `status`: what the server says of itself. No arguments. */
export function statusCommand(report: () => unknown): AdminCommand {
  return {
    name: 'status',
    run(args) {
      refuseArguments(args);
      return report();
    },
  };
}

/** `stop`: begins an orderly shutdown and answers at once; stop() is called after the answer is under way. */
export function stopCommand(stop: () => void): AdminCommand {
  return {
    name: 'stop',
    run(args) {
      refuseArguments(args);
      setImmediate(stop);
      return { stopping: true };
    },
  };
}

function refuseArguments(args: AdminArguments): void {
  const [name] = Object.keys(args);
  if (name !== undefined)
    throw new AdminError('INVALID_ARGUMENTS', `no argument ${JSON.stringify(name)}`);
}
