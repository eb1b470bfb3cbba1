/**
 * A Strongroom server as a child process: ready when the promise resolves, ended by its own process id, and never left
 * behind by a process that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chooseNode } from './node.ts';

export interface StartServerOptions {
  /** Keep nothing. Default: true, unless there is a dataDirectory. */
  readonly ephemeral?: boolean;
  /** Keep everything here. */
  readonly dataDirectory?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Default us-east-1; the first is `region`. */
  readonly regions?: readonly string[];
  /** Further flags of `strongroom serve`. */
  readonly flags?: readonly string[];
  /** How long the server may take to be ready, ms. */
  readonly readyTimeoutMs?: number;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What `strongroom serve` tells whoever started it: docs/operations.md, "Ready file". */
export interface ReadyInfo {
  readonly event: 'ready';
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  readonly region: string;
  readonly regions: readonly string[];
  readonly accountId: string;
  readonly ephemeral: boolean;
  readonly credentials: AccessKey;
  readonly dataDirectory?: string;
  readonly credentialsFile?: string;
  readonly caFile?: string;
}

/** What the server's clock of key life shows. */
export interface ClockReport {
  /** ISO 8601. */
  readonly now: string;
  readonly wall: string;
  readonly offsetMs: number;
  readonly isFrozen: boolean;
}

/** After a move: what it made due is done. */
export interface ClockMove extends ClockReport {
  readonly dueWork: { readonly done: number; readonly failing: number };
}

export interface Duration {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/** Dates keys and deletions; never set back. Each rejects with the server's own words when it is refused. */
export interface ServerClock {
  show(): Promise<ClockReport>;
  advance(time: Duration): Promise<ClockMove>;
  set(moment: Date): Promise<ClockMove>;
  freeze(): Promise<ClockMove>;
  resume(): Promise<ClockMove>;
}

export interface StartedServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  /** What AWS SDKs and the CLI find all that in: `Object.assign(process.env, server.environment)`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly ready: ReadyInfo;
  /** `await server.clock.advance({ days: 30 })` */
  readonly clock: ServerClock;
  /** Everything the server wrote to standard error so far. */
  stderr(): string;
  /** Asks it to finish what is in flight and waits for its end. @returns the exit code */
  stop(): Promise<number | null>;
  /** kill -9, at once; disposing of it does the same. */
  kill(): Promise<void>;
}

const COMMAND = fileURLToPath(new URL('../../bin/strongroom.mjs', import.meta.url));
const OUTPUT_BYTES_MAX = 1 << 20;

/** @throws TypeError for options that make no sense; Error with the server's own words when it ends before it is ready */
export async function startServer(options: StartServerOptions = {}): Promise<StartedServer> {
  // The channel brings the credentials here, and takes the server down when this process is gone.
  const child = spawn(chooseNode(), [COMMAND, ...commandLine(options)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      process.off('exit', killAtExit);
      resolve();
    });
  });
  let stderr = '';
  child.stdout?.resume();
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < OUTPUT_BYTES_MAX) stderr += text;
  });
  const ready = await whenReady(child, options.readyTimeoutMs ?? 15_000, ended, () => stderr);

  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const { endpoint, region, credentials, caFile } = ready;
  return {
    endpoint,
    region,
    credentials,
    environment: {
      AWS_ENDPOINT_URL_KMS: endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      // Node reads the second one at its start alone: for programs that are started from here.
      ...(caFile !== undefined && { AWS_CA_BUNDLE: caFile, NODE_EXTRA_CA_CERTS: caFile }),
    },
    ready,
    clock: serverClock(child),
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

function serverClock(child: ChildProcess): ServerClock {
  const ask = <T>(args: object): Promise<T> => askServer(child, 'clock', args) as Promise<T>;
  return {
    show: () => ask({ action: 'show' }),
    advance: ({ days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0 }) => {
      const ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
      return ask({ action: 'advance', ms });
    },
    set: (moment) => ask({ action: 'set', toMs: moment.getTime() }),
    freeze: () => ask({ action: 'freeze' }),
    resume: () => ask({ action: 'resume' }),
  };
}

let requestCount = 0;

/** One command of the admin plane, over the channel. */
function askServer(child: ChildProcess, command: string, args: object): Promise<unknown> {
  requestCount += 1;
  const id = requestCount;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      child.off('message', listen);
      child.off('close', lost);
    };
    const lost = (): void => {
      end();
      reject(new Error('the server ended before it answered'));
    };
    const listen = (message: unknown): void => {
      const answer = message as { readonly id?: number; readonly reply: AdminReply };
      if (answer.id !== id) return;
      end();
      if (answer.reply.ok) resolve(answer.reply.result);
      else reject(new Error(answer.reply.error.message));
    };
    child.on('message', listen).once('close', lost);
    if (!child.connected) return lost();
    child.send({ id, admin: JSON.stringify({ command, args }) }, (error) => {
      if (error !== null) lost();
    });
  });
}

type AdminReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: { readonly message: string } };

function commandLine(options: StartServerOptions): string[] {
  const { dataDirectory, port = 0, regions = [], flags = [] } = options;
  const { ephemeral = dataDirectory === undefined } = options;
  if (ephemeral !== (dataDirectory === undefined))
    throw new TypeError('a server is either ephemeral or has a dataDirectory');
  const store = dataDirectory === undefined ? ['--ephemeral'] : ['--data-dir', dataDirectory];
  const named = regions.flatMap((region) => ['--region', region]);
  return ['serve', '--port', String(port), ...store, ...named, ...flags];
}

async function whenReady(
  child: ChildProcess,
  timeoutMs: number,
  ended: Promise<void>,
  stderr: () => string,
): Promise<ReadyInfo> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ReadyInfo>((resolve, reject) => {
      const fail = (what: string): void =>
        reject(new Error(`the server ${what}; it wrote: ${stderr().trim() || '(nothing)'}`));
      timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
      child.once('error', reject);
      child.once('message', (ready) => resolve(ready as ReadyInfo));
      // Its last words are all here by then.
      void ended.then(() =>
        fail(`ended with ${child.signalCode ?? `exit code ${child.exitCode}`} before it was ready`),
      );
    });
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
