/**
 * npm run bench -- [--case TEXT] [--rounds N] [--quick] [--micro]
 *
 *   --case TEXT   only cases with TEXT in their name
 *   --rounds N    rounds of each case (15; over HTTP a third of it)
 *   --quick       a smoke run: short slices, few rounds, numbers that mean little
 *   --micro       the TypeScript steps of a request one by one, instead of the cases
 *
 * Exit code 1 for a failure (outputs that differ, a server that refuses), never for a goal that is not met.
 */
import { parseArgs } from 'node:util';
import { buildAddons } from './build.mjs';
import { aesGcmCases } from './cases/aes-gcm.ts';
import { deriveSealCases } from './cases/derive-seal.ts';
import { ecdsaCases } from './cases/ecdsa.ts';
import { encryptOverHttp, name as httpName } from './cases/encrypt-over-http.ts';
import { hmacCases } from './cases/hmac.ts';
import { moduleCases, name as modulesName } from './cases/modules.ts';
import { C_LOOP, NODE, SYNC, SYNC_INTO } from './cases/names.ts';
import { randomCases } from './cases/random.ts';
import { rsaCases } from './cases/rsa.ts';
import { caseTable, goalLine, machineLines, speed } from './report.ts';
import { measure } from './runner.ts';
import { openSubjects } from './subjects.ts';

const goals: readonly {
  readonly case: string;
  readonly variant?: string;
  readonly atLeast: number;
}[] = [
  // As PKCS#11 has it, and for comparison with a result that is returned.
  { case: 'AES-GCM seal 256 B', variant: SYNC_INTO, atLeast: 8 },
  { case: 'AES-GCM seal 256 B', atLeast: 8 },
  { case: 'HMAC-SHA-256 32 B', atLeast: 5 },
  { case: 'ECDSA P-256 sign', atLeast: 1.15 },
  { case: 'ECDSA secp256k1 sign', atLeast: 5 },
  { case: 'RSA-2048 PSS verify', atLeast: 1.3 },
];
const httpGoal = 0.4;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', default: '' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      micro: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 15));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1 on');
  const wanted = (name: string): boolean => name.toLowerCase().includes(values.case.toLowerCase());
  return { wanted, rounds, quick: values.quick, micro: values.micro };
}

async function run(): Promise<void> {
  const { wanted, rounds, quick, micro } = readOptions();
  const addon = micro ? undefined : await buildAddons();
  for (const line of machineLines()) print(line);
  print('');
  if (addon === undefined) {
    const { microTable } = await import('./micro.ts');
    print(await microTable(quick));
    return;
  }

  await using subjects = await openSubjects(addon);
  const makers = [aesGcmCases, hmacCases, randomCases, deriveSealCases, ecdsaCases, rsaCases];
  const all = makers.flatMap((make) => make(subjects));
  const cases = all.filter(({ name }) => wanted(name));
  if (cases.length === 0 && !wanted(httpName) && !wanted(modulesName)) {
    const names = [...all.map(({ name }) => name), modulesName, httpName];
    throw new Error(`no such case; there are: ${names.join(', ')}`);
  }

  const results: (string | undefined)[] = [];
  for (const benchCase of cases) {
    const options = { rounds, sliceMs: quick ? 5 : 40, processor: subjects.loops };
    const measurements = await measure(benchCase, options);
    print(`${caseTable(benchCase.name, measurements, { floor: C_LOOP, reference: NODE })}\n`);
    for (const { variant = SYNC, atLeast } of goals.filter(
      (goal) => goal.case === benchCase.name,
    )) {
      const text = `${benchCase.name}, ${variant} over ${NODE} with KeyObject`;
      results.push(goalLine(text, speed(measurements, variant, NODE), atLeast));
    }
  }
  if (wanted(modulesName)) results.push(...(await moduleCases({ rounds, quick }, print)));
  if (wanted(httpName)) {
    const httpRounds = Math.ceil(rounds / 3);
    const options = {
      rounds: httpRounds,
      warmUpRounds: quick ? 0 : 2,
      secondsPerRound: quick ? 1 : 2,
      stations: !quick,
    };
    const share = await encryptOverHttp(options, print);
    results.push(goalLine(`${httpName}, 1 thread, as a share of bare node:http`, share, httpGoal));
  }
  // After a smoke run there is nothing to judge.
  if (!quick) for (const line of results) if (line !== undefined) print(line);
}

try {
  await run();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
