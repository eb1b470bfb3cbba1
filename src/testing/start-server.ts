/**
 * A Strongroom server as a child process, for tests and demonstrations: started on a free port, ready when the
 * promise resolves, stopped or killed by its own process id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface StartServerOptions {
  readonly dataDirectory: string;
  /** Further flags of `strongroom serve`. */
  readonly flags?: readonly string[];
  /** How long the server may take to be ready, ms. */
  readonly readyTimeoutMs?: number;
}

/** The JSON line that `strongroom serve` prints when it takes requests. */
export interface ReadyLine {
  readonly event: 'ready';
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  readonly regions: readonly string[];
  readonly accountId: string;
  readonly credentialsFile: string;
  readonly dataDirectory: string;
}

export interface StartedServer extends AsyncDisposable {
  readonly ready: ReadyLine;
  readonly process: ChildProcess;
  /** Everything the server wrote to standard error so far. */
  stderr(): string;
  /** Asks it to finish what is in flight and waits for its end. @returns the exit code */
  stop(): Promise<number | null>;
  /** kill -9, at once. */
  kill(): Promise<void>;
}

const COMMAND = fileURLToPath(new URL('../../bin/strongroom.mjs', import.meta.url));
const OUTPUT_BYTES_MAX = 1 << 20;

/** @throws Error with the server's own words when it ends before it is ready. */
export async function startServer(options: StartServerOptions): Promise<StartedServer> {
  const flags = [
    'serve',
    '--port',
    '0',
    '--data-dir',
    options.dataDirectory,
    ...(options.flags ?? []),
  ];
  const child = spawn(process.execPath, [COMMAND, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < OUTPUT_BYTES_MAX) stderr += text;
  });
  const ready = await readyLine(child, options.readyTimeoutMs ?? 15_000, () => stderr);

  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    ready,
    process: child,
    stderr: () => stderr,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

function readyLine(
  child: ChildProcess,
  timeoutMs: number,
  stderr: () => string,
): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`the server ${what}; it wrote: ${stderr().trim() || '(nothing)'}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
    const onExit = (code: number | null, signal: string | null): void =>
      fail(`ended with ${signal ?? `exit code ${code}`} before it was ready`);
    child.once('exit', onExit);
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < OUTPUT_BYTES_MAX) text += chunk;
      const line = text.split('\n').find((candidate) => candidate.startsWith('{"event":"ready"'));
      if (line === undefined || !text.includes(`${line}\n`)) return;
      clearTimeout(timer);
      child.off('exit', onExit);
      child.stdout?.removeAllListeners('data').resume();
      resolve(JSON.parse(line) as ReadyLine);
    });
  });
}
