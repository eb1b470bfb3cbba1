/**
 * Where the admin socket is: `admin.sock` in the data directory. The operating system takes at most 107 bytes
 * for its path (sockaddr_un); a longer one is reached through the directory's descriptor, which Linux shows
 * under /proc/self/fd.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

const socketName = 'admin.sock';

/** Bytes of the longest path that bind(2) and connect(2) take, without the final NUL. */
const pathLengthMax = 107;

/** Path of the socket in one process, valid until disposed. */
export class SocketPath implements Disposable {
  readonly path: string;
  readonly #fd: number | undefined;

  /** @throws the error of open(2) when the directory is out of reach. */
  constructor(directory: string) {
    const path = join(directory, socketName);
    if (Buffer.byteLength(path) <= pathLengthMax) {
      this.path = path;
      return;
    }
    if (process.platform !== 'linux') {
      throw new RangeError(
        `${path} is longer than ${pathLengthMax} bytes: choose a shorter data directory`,
      );
    }
    this.#fd = openSync(directory, 'r');
    this.path = `/proc/self/fd/${this.#fd}/${socketName}`;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}
