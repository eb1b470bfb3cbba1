/** The switch of injector.c: what fails, from now on. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const SWITCH_BYTES = 264;
const OPERATIONS = { writes: 1, syncs: 2, names: 4 } as const;

export interface Fault {
  readonly error: 'ENOSPC' | 'EIO' | 'EROFS';
  readonly operations: readonly (keyof typeof OPERATIONS)[];
  /** What paths contain that fail. */
  readonly paths: string;
}

export class FaultSwitch {
  /** What the process to be tried is started with. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: number;

  /** @param folder of its own; the library is compiled into it. @throws Error with the compiler's words */
  constructor(folder: string) {
    const library = join(folder, 'injector.so');
    const path = join(folder, 'switch');
    const flags = ['-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror'];
    const source = join(import.meta.dirname, 'injector.c');
    const built = spawnSync('cc', [...flags, source, '-o', library, '-ldl'], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(built.stderr);
    writeFileSync(path, Buffer.alloc(SWITCH_BYTES));
    this.#file = openSync(path, 'r+');
    this.environment = { LD_PRELOAD: library, INJECT_SWITCH: path, UV_USE_IO_URING: '0' };
  }

  set({ error, operations, paths }: Fault): void {
    const bytes = Buffer.alloc(SWITCH_BYTES);
    bytes.write(paths, 8);
    bytes.writeUInt32LE(
      operations.reduce((sum, name) => sum + OPERATIONS[name], 0),
      4,
    );
    bytes.writeInt32LE(constants.errno[error as keyof typeof constants.errno] ?? 30, 0);
    writeSync(this.#file, bytes, 0, SWITCH_BYTES, 0);
  }

  clear(): void {
    writeSync(this.#file, Buffer.alloc(SWITCH_BYTES), 0, SWITCH_BYTES, 0);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
