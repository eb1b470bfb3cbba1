/**
 * The server that runs on a data directory, as it tells of itself over the admin socket.
 */
import { adminRequest } from '../admin/admin-client.ts';
import { AdminError } from '../admin/admin-protocol.ts';
import type { DeviceStatus } from '../hsm/index.ts';
import { CommandError } from './exit.ts';
import type { ReadyLine } from './serve/ready-file.ts';

/** What `status` answers, as far as commands use it. */
export interface ServerStatus extends Omit<ReadyLine, 'event'> {
  readonly uptimeMs: number;
  readonly device: DeviceStatus;
  readonly memory: Readonly<Record<'arena' | 'secureHeap', { readonly length: number }>>;
}

/** @returns undefined when none runs. @throws CommandError when one does not answer as it should */
export async function runningServer(dataDirectory: string): Promise<ServerStatus | undefined> {
  try {
    return (await adminRequest(dataDirectory, 'status')) as ServerStatus;
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    if (error.code === 'NOT_RUNNING') return undefined;
    throw new CommandError(`${dataDirectory}: ${error.message}`, undefined, { cause: error });
  }
}
