/**
 * Load on one server: requests a second, latencies, and the processor time the server's process took for each.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const WRK = '/usr/bin/wrk';
export const CONNECTIONS = 16;
/** USER_HZ: what /proc counts in, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Target {
  readonly port: number;
  readonly pid: number;
}

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** µs of user and system time of all threads of the server; NaN where there is no /proc. */
  readonly processorMicrosecondsPerRequest: number;
}

const run = promisify(execFile);
const local = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What makes the load, to be printed with it. */
export const generatorName: string = existsSync(WRK)
  ? `wrk, 1 thread, ${CONNECTIONS} connections`
  : `own client, ${CONNECTIONS} connections (wrk is not installed)`;

/** Contents of a file for replay.lua and client.ts. */
export function requestFile(requests: readonly Buffer[]): Buffer {
  return Buffer.concat(
    requests.flatMap((request) => [Buffer.from(`${request.length}\n`), request]),
  );
}

/** @throws Error when a request failed or was answered with an error: such a load says nothing. */
export async function load(target: Target, file: string, seconds: number): Promise<Load> {
  const before = processorSeconds(target.pid);
  const [command, flags] = existsSync(WRK)
    ? [
        WRK,
        [
          '-t1',
          `-c${CONNECTIONS}`,
          `-d${seconds}s`,
          '-s',
          local('replay.lua'),
          `http://127.0.0.1:${target.port}/`,
          '--',
          file,
        ],
      ]
    : [
        process.execPath,
        [local('client.ts'), String(target.port), String(CONNECTIONS), String(seconds), file],
      ];
  const { stdout } = await run(command, flags);
  const spent = processorSeconds(target.pid) - before;
  const line = stdout.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`the load generator said: ${stdout}`);
  const result = JSON.parse(line) as Record<
    'requests' | 'seconds' | 'failed' | 'p50Ms' | 'p99Ms',
    number
  >;
  if (result.failed > 0 || result.requests === 0)
    throw new Error(`${result.failed} of ${result.requests} requests failed`);
  return {
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    processorMicrosecondsPerRequest: (spent * 1e6) / result.requests,
  };
}

/** User and system time of a process so far (proc(5), stat, fields 14 and 15). */
function processorSeconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
