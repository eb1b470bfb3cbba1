/**
 * Progress of work that may take seconds: one line on a terminal while it lasts, nothing where standard error is a file
 * or a pipe.
 */

/** Work that is over by then is not spoken of, ms. */
const PATIENCE_MS = 300;

/** Where the line goes. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** @param doing such as `making an RSA_4096 key`. @returns what the work returns; the line is gone then */
export async function withProgress<T>(
  doing: string,
  work: () => Promise<T>,
  stream: ProgressStream = process.stderr,
): Promise<T> {
  if (stream.isTTY !== true) return work();
  const startedMs = performance.now();
  let shown = false;
  const show = (): void => {
    shown = true;
    const seconds = Math.floor((performance.now() - startedMs) / 1000);
    stream.write(`\r\x1b[K${doing} …${seconds > 0 ? ` ${seconds} s` : ''}`);
  };
  const first = setTimeout(show, PATIENCE_MS);
  const later = setInterval(show, 1000);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(later);
    if (shown) stream.write('\r\x1b[K');
  }
}
