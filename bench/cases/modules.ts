/**
 * The PKCS#11 modules people have, in one table: libstrongroom-pkcs11.so, SoftHSM2 and NSS softokn, with token keys,
 * beside warm EVP of the same OpenSSL. A C++ program (bench/modules) proves and times them in turns within one process;
 * this runs it and prints what it says.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../scripts/node-headers.mjs';
import { goalLine, table, times } from '../report.ts';
import { median, percentile } from '../runner.ts';

export const name = 'PKCS#11 modules';
const OURS = 'Strongroom';
const EVP = 'EVP';

const peers: readonly { name: string; kind: string; libraries: readonly string[]; from: string }[] =
  [
    {
      name: 'SoftHSM2',
      kind: 'softhsm',
      libraries: [
        '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
        '/usr/lib/softhsm/libsofthsm2.so',
      ],
      from: 'softhsm2',
    },
    {
      name: 'NSS',
      kind: 'nss',
      libraries: [
        '/usr/lib/x86_64-linux-gnu/libsoftokn3.so',
        '/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so',
      ],
      from: 'libnss3',
    },
  ];

/** One line of the program: operations a second, one entry a round. */
interface Result {
  readonly case: string;
  readonly subject: string;
  readonly threads?: number;
  readonly sessions?: number;
  readonly objects?: number;
  readonly rates: readonly number[];
}

export interface ModuleOptions {
  readonly rounds: number;
  readonly quick: boolean;
}

/**
 * Builds, runs, prints the table, and returns a line for each goal.
 *
 * @throws Error when the program fails: outputs that differ, a module that refuses.
 */
export async function moduleCases(
  { rounds, quick }: ModuleOptions,
  print: (text: string) => void,
): Promise<string[]> {
  const library = build();
  if (library === undefined) {
    print(`${name}: not measured, libstrongroom-pkcs11.so cannot be built here\n`);
    return [];
  }
  const modules = [`${OURS}=strongroom=${library}`];
  for (const peer of peers) {
    const found = peer.libraries.find((path) => existsSync(path));
    if (found) modules.push(`${peer.name}=${peer.kind}=${found}`);
    else print(`${name}: without ${peer.name} (Debian: ${peer.from})`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
  try {
    const options = [
      directory,
      ...modules.flatMap((module) => ['--module', module]),
      ...['--rounds', `${rounds}`, '--slice', quick ? '5' : '40'],
      ...(quick ? ['--objects', '300', '--peer-objects', '20'] : []),
    ];
    const results = await run(options);
    for (const text of tables(results)) print(`${text}\n`);
    return goals(results);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function build(): string | undefined {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-pkcs11.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const program = ['--build', join(root, 'build-pkcs11'), '--target', 'strongroom-module-bench'];
  if (built.status !== 0) return undefined;
  if (spawnSync('cmake', program, { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
    throw new Error('the bench of PKCS#11 modules was not built');
  return join(root, 'build-pkcs11', 'libstrongroom-pkcs11.so');
}

async function run(options: readonly string[]): Promise<Result[]> {
  const program = join(root, 'build-pkcs11', 'strongroom-module-bench');
  const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const results: Result[] = [];
  for await (const line of createInterface({ input: child.stdout }))
    results.push(JSON.parse(line) as Result);
  if ((await ended) !== 0) throw new Error('the bench of PKCS#11 modules failed');
  return results;
}

const perSecond = (rate: number): string =>
  rate >= 1e6
    ? `${(rate / 1e6).toFixed(2)} M/s`
    : rate >= 1e4
      ? `${(rate / 1e3).toFixed(1)} k/s`
      : `${rate.toFixed(rate < 100 ? 1 : 0)} /s`;

function tables(results: readonly Result[]): string[] {
  return [...Map.groupBy(results, (result) => result.case)].map(([title, rows]) => {
    const body = rows.map((row) => {
      const over = rate(rows, EVP, row.threads);
      return [
        [
          row.subject,
          row.threads === undefined ? '' : `, ${row.threads} thread${row.threads > 1 ? 's' : ''}`,
          row.sessions === undefined ? '' : `, ${row.sessions} sessions`,
          row.objects === undefined ? '' : `, ${row.objects} objects`,
        ].join(''),
        ...[0.5, 0.1, 0.9].map((fraction) => perSecond(percentile(row.rates, fraction))),
        Number.isNaN(over) ? '' : times(median(row.rates) / over),
      ];
    });
    return `${title}\n${table([['', 'median', 'p10', 'p90', 'of EVP'], ...body])}`;
  });
}

/** Median operations a second; NaN when it was not measured. */
function rate(
  results: readonly Result[],
  subject: string,
  threads?: number,
  sessions?: number,
): number {
  const found = results.find(
    (result) =>
      result.subject === subject && result.threads === threads && result.sessions === sessions,
  );
  return found ? median(found.rates) : Number.NaN;
}

function goals(results: readonly Result[]): string[] {
  const of = (title: string): Result[] => results.filter((result) => result.case === title);
  const share = (title: string): number => rate(of(title), OURS, 1) / rate(of(title), EVP, 1);
  const scaling = (title: string, subject: string): number =>
    rate(of(title), subject, 2) / rate(of(title), subject, 1);
  const gcm = 'AES-256-GCM encrypt 1 KiB';
  const durable = of('durable AES keys');
  const starts = of('start').filter(({ subject }) => subject === OURS);
  const startMs = 1000 / median(starts.flatMap(({ rates }) => rates));
  const lines = [
    goalLine(`${gcm}, token key over EVP`, share(gcm), 0.5),
    goalLine(
      `${gcm}, scaling to 2 threads over EVP's`,
      scaling(gcm, OURS) / scaling(gcm, EVP),
      0.9,
    ),
    goalLine('HMAC-SHA-256 32 B, token key over EVP', share('HMAC-SHA-256 32 B'), 0.35),
    goalLine('ECDSA P-256 sign, token key over EVP', share('ECDSA P-256 sign'), 0.95),
    goalLine('RSA-2048 PKCS#1 sign, token key over EVP', share('RSA-2048 PKCS#1 sign'), 0.95),
    goalLine('finds by label a second over 60,000', rate(of('find by label'), OURS, 1) / 60_000, 1),
    goalLine(`start with objects in 60 ms (took ${startMs.toFixed(1)} ms)`, 60 / startMs, 1),
    goalLine(
      'durable keys a second, 16 sessions on 2 threads, over 1,500',
      rate(durable, OURS, 2, 16) / 1500,
      1,
    ),
    goalLine(
      "durable keys, 1 session, over NSS's",
      rate(durable, OURS, 1, 1) / rate(durable, 'NSS', 1, 1),
      1,
    ),
  ];
  return lines.filter((line) => line !== undefined);
}
