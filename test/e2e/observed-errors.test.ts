/**
 * Errors that others recorded from AWS KMS, provoked here: code, HTTP status and message, over a socket, from the real
 * device. The records are not part of the project: the environment variable STRONGROOM_SHARED names the folder that has
 * them as aws/kms-observed-errors.json.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../../src/kms/operations/index.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { signedCall, type WireReply } from '../support/signed-call.ts';
import { type Caller, missing, otherRegion, provoke, region, thirdRegion } from './provocations.ts';

interface Recorded {
  readonly case: string;
  readonly httpStatus: number;
  readonly code: string;
  /** Empty: there was none. */
  readonly message: string;
}

const folder = process.env.STRONGROOM_SHARED;
const isThere = folder !== undefined;
const why = 'no --shared DIR with aws/kms-observed-errors.json';
if (!isThere) process.stdout.write(`the errors recorded from AWS are not compared: ${why}\n`);
// Named but absent is a failure: the file is read here.
const recorded: readonly Recorded[] = isThere
  ? JSON.parse(readFileSync(join(folder, 'aws', 'kms-observed-errors.json'), 'utf8')).cases
  : [];

const caseNames = Object.keys(provoke);
const missingNames = Object.values(missing).flat();

test('an operation that cases wait for is not there, and no case is in two lists', () => {
  expect(Object.keys(missing).filter((operation) => operations.has(operation))).toEqual([]);
  const all = [...caseNames, ...missingNames];
  expect(all.filter((name, i) => all.indexOf(name) !== i)).toEqual([]);
});

/** AWS prints the values of an enum in no stable order, and adds some with the years. */
function enumValues(message: string): { readonly rest: string; readonly values: Set<string> } {
  const [set, list] = /enum value set: \[([^\]]*)\]/.exec(message) ?? [];
  if (set === undefined) return { rest: message, values: new Set() };
  return { rest: message.replace(set, 'set'), values: new Set(list?.split(', ')) };
}

describe.skipIf(!isThere)(`recorded from AWS${isThere ? '' : ` (skipped: ${why})`}`, () => {
  let server: StartedServer;
  let caller: Caller;

  beforeAll(async () => {
    server = await startServer({ regions: [region, otherRegion, thirdRegion] });
    caller = {
      accountId: server.ready.accountId,
      call: (operation, input, of = region): Promise<WireReply> =>
        signedCall(server, `TrentService.${operation}`, JSON.stringify(input), { region: of }),
    };
  });
  afterAll(async () => {
    expect(server.stderr()).not.toMatch(/fault/);
    expect(await server.stop()).toBe(0);
  });

  test('every case is provoked, or waits for an operation', () => {
    console.log(
      `errors recorded from AWS: ${caseNames.length} provoked, ${missingNames.length} wait for ${Object.keys(missing).join(', ')}`,
    );
    expect(recorded.map((each) => each.case).sort()).toEqual(
      [...caseNames, ...missingNames].sort(),
    );
    expect(caseNames.length).toBeGreaterThanOrEqual(75);
  });

  test.each(recorded.filter((each) => each.case in provoke))('$case', async (expected) => {
    const attempts = await provoke[expected.case]!(caller, expected.message);
    expect(attempts.length).toBeGreaterThan(0);
    for (const { reply, values = {} } of attempts) {
      expect([reply.status, reply.type]).toEqual([expected.httpStatus, expected.code]);
      if (expected.message === '') {
        expect(reply.body).not.toHaveProperty('message');
        continue;
      }
      const text = expected.message
        .replaceAll('111111111111', caller.accountId)
        .replace(/<[a-z][a-z0-9:-]*>/g, (placeholder) => {
          const value = values[placeholder];
          if (value === undefined) throw new Error(`${expected.case}: what is ${placeholder}?`);
          return value;
        })
        // The record of a long value was shortened; what was sent is known.
        .replace(/'(\w)\1+\.{3}\1+'/, `'${values.elided}'`);
      const [wanted, got] = [enumValues(text), enumValues(reply.message ?? '')];
      expect(got.rest).toBe(wanted.rest);
      expect([...wanted.values].filter((value) => !got.values.has(value))).toEqual([]);
    }
  });
});
