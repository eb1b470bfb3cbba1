/**
 * Encrypt of 256 bytes over HTTP, beside a bare node:http server that reads the same requests and answers as many bytes.
 * Both are processes of their own and get the same load in turns. Before the timing: what the server answers is opened
 * by Decrypt, and the bare server's answer is as long and of the same type.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateKeyCommand, DecryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { startServer } from '../../src/testing/start-server.ts';
import { type Answer, exchange, header } from '../http/exchange.ts';
import { generatorName, type Load, load, requestFile, type Target } from '../http/load.ts';
import { signedEncryptRequests } from '../http/signed-requests.ts';
import { table, times } from '../report.ts';
import { median, percentile } from '../runner.ts';

export const name = 'Encrypt over HTTP';
const PLAINTEXT_BYTES = 256;
const REQUEST_COUNT = 64;
const STATION_REQUEST_COUNT = 400;

export interface HttpOptions {
  readonly rounds: number;
  /** Rounds before those, not counted: the compiler takes seconds to be done with a server. */
  readonly warmUpRounds: number;
  readonly secondsPerRound: number;
  /** Also asks a server with --server-timing where a request spends its time. */
  readonly stations: boolean;
}

/** Prints the case. @returns requests a second of the server, as a share of the bare one's */
export async function encryptOverHttp(
  options: HttpOptions,
  print: (text: string) => void,
): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
  const dataDirectory = join(home, 'data');
  try {
    const { server, bare } = await measureBoth(dataDirectory, join(home, 'requests'), options);
    const share = median(server.map(rate)) / median(bare.map(rate));
    const rows = [
      row('strongroom serve, 1 thread', server, share),
      row('node:http, bare', bare, 1),
    ];
    const head = ['', 'requests/s', 'min', 'max', 'CPU µs/request', 'p50 ms', 'p99 ms', 'share'];
    print(
      `${name}, ${PLAINTEXT_BYTES} B  (${generatorName}, ${options.rounds} rounds of ${options.secondsPerRound} s, medians)`,
    );
    print(`${table([head, ...rows])}\n`);
    if (options.stations) print(`${await stationTable(dataDirectory)}\n`);
    return share;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const rate = (sample: Load): number => sample.requestsPerSecond;

function row(label: string, loads: readonly Load[], share: number): string[] {
  const rates = loads.map(rate);
  const middle = (of: (sample: Load) => number, digits: number): string =>
    median(loads.map(of)).toFixed(digits);
  return [
    label,
    ...[0.5, 0, 1].map((fraction) => percentile(rates, fraction).toFixed(0)),
    middle((sample) => sample.processorMicrosecondsPerRequest, 0),
    middle((sample) => sample.p50Ms, 2),
    middle((sample) => sample.p99Ms, 2),
    times(share),
  ];
}

async function measureBoth(dataDirectory: string, file: string, options: HttpOptions) {
  await using server = await startServer({ dataDirectory, flags: ['--threads', '1'] });
  const sign = await signer(server.ready);
  const sample = await sign(1);
  const [answer] = (await exchange(server.ready.port, sample)) as [Answer];
  await prove(server.ready, answer);
  using bare = await startBareServer(answer);
  const [bareAnswer] = (await exchange(bare.port, sample)) as [Answer];
  if (description(bareAnswer) !== description(answer))
    throw new Error(`${name}: ${description(bareAnswer)} is not ${description(answer)}`);

  const targets = [
    { target: server.ready as Target, loads: [] as Load[] },
    { target: bare as Target, loads: [] as Load[] },
  ] as const;
  for (let round = -options.warmUpRounds; round < options.rounds; round += 1) {
    writeFileSync(file, requestFile(await sign(REQUEST_COUNT)));
    for (const turn of [0, 1]) {
      const { target, loads } = targets[(turn + round + options.warmUpRounds) % 2]!;
      const measured = await load(target, file, options.secondsPerRound);
      if (round >= 0) loads.push(measured);
    }
  }
  return { server: targets[0].loads, bare: targets[1].loads };
}

type Endpoint = Awaited<ReturnType<typeof startServer>>['ready'];

function clientSettings(ready: Endpoint) {
  return {
    endpoint: ready.endpoint,
    region: ready.regions[0] ?? '',
    credentials: ready.credentials,
  };
}

/** Makes a key, and returns what signs requests for it. */
async function signer(ready: Endpoint): Promise<(count: number) => Promise<Buffer[]>> {
  const settings = clientSettings(ready);
  const client = new KMSClient(settings);
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  client.destroy();
  const keyId = KeyMetadata?.KeyId ?? '';
  return (count) =>
    signedEncryptRequests({ ...settings, keyId, plaintextLength: PLAINTEXT_BYTES, count });
}

/** The answer to the signed request is a ciphertext that Decrypt opens. */
async function prove(ready: Endpoint, answer: Answer): Promise<void> {
  const client = new KMSClient(clientSettings(ready));
  const { CiphertextBlob } = JSON.parse(answer.body.toString()) as { CiphertextBlob: string };
  const { Plaintext } = await client.send(
    new DecryptCommand({
      CiphertextBlob: Buffer.from(CiphertextBlob, 'base64'),
      EncryptionContext: { purpose: 'bench' },
    }),
  );
  client.destroy();
  if (!Buffer.alloc(PLAINTEXT_BYTES, 0).equals(Buffer.from(Plaintext ?? [])))
    throw new Error(`${name}: Decrypt gives another plaintext`);
}

const contentType = (answer: Answer): string => header(answer.head, 'content-type') ?? '';
const description = (answer: Answer): string =>
  `${answer.body.length} bytes of ${contentType(answer)}`;

async function startBareServer(like: Answer): Promise<Target & Disposable> {
  const file = fileURLToPath(new URL('../http/bare-server.ts', import.meta.url));
  const child = fork(file, [String(like.body.length), contentType(like)]);
  const [port] = (await once(child, 'message')) as [number];
  return { port, pid: child.pid ?? 0, [Symbol.dispose]: () => void child.kill() };
}

/** Where one request at a time spends its time inside the server: its own Server-Timing header, medians. */
async function stationTable(dataDirectory: string): Promise<string> {
  await using server = await startServer({
    dataDirectory,
    flags: ['--threads', '1', '--server-timing'],
  });
  const sign = await signer(server.ready);
  const requests = await sign(REQUEST_COUNT);
  const repeated = Array.from(
    { length: STATION_REQUEST_COUNT },
    (_, index) => requests[index % requests.length]!,
  );
  const answers = await exchange(server.ready.port, repeated);
  const stations = new Map<string, number[]>();
  for (const { head } of answers.slice(STATION_REQUEST_COUNT / 2)) {
    for (const [, station, milliseconds] of (header(head, 'server-timing') ?? '').matchAll(
      /([\w-]+);dur=([\d.]+)/g,
    )) {
      const samples = stations.get(station!) ?? [];
      stations.set(station!, samples);
      samples.push(Number(milliseconds) * 1000);
    }
  }
  const rows = [...stations].map(([station, samples]) => [
    station,
    ...[0.5, 0.1, 0.9].map((fraction) => percentile(samples, fraction).toFixed(1)),
  ]);
  return `Stations of one request at a time, µs\n${table([['', 'median', 'p10', 'p90'], ...rows])}`;
}
