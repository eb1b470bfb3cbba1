/**
 * Disks that fail under a running server: full, failing, read-only, each for the files of store, audit log and device, and the
 * reset of its device. What is asked meanwhile is answered within a second, by the exception that docs/durability.md names,
 * or done; the process lives; when the fault is gone everything works again without a restart; and nothing that was
 * acknowledged is lost.
 */
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  type KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { verifyAuditFile } from '../../src/audit/verify.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';
import { type Fault, FaultSwitch } from './injected/switch.ts';

const missingCompiler =
  spawnSync('cc', ['--version']).status === 0 ? undefined : 'no C compiler is here';
const ANSWER_MS = 1000;
const ROUNDS = 8;
const RESETS = 15;

type Outcome = 'done' | 'KMSInternalException 500';
interface Case {
  readonly name: string;
  readonly fault: Fault;
  /** Of changes, of cryptographic operations. */
  readonly change: Outcome;
  readonly use: Outcome;
  /** A key's end comes meanwhile: it waits until the device can write that down. */
  readonly destroys?: true;
}

const refused = 'KMSInternalException 500';
const all = ['writes', 'syncs', 'names'] as const;
const store = { paths: '/store.sqlite' };
const audit = { paths: '/audit.jsonl' };
const head = { paths: '/store.head' };
const flash = { paths: '/hsm/flash/' };
const root = { paths: '/hsm/root/' };
const data = { paths: '/data/' };
const cases: readonly Case[] = [
  ...(['ENOSPC', 'EIO', 'EROFS'] as const).flatMap((error): Case[] => [
    {
      name: `${error} for the store`,
      fault: { error, operations: all, ...store },
      change: refused,
      use: 'done',
    },
    {
      name: `${error} for the audit log`,
      fault: { error, operations: all, ...audit },
      change: refused,
      use: refused,
    },
    {
      name: `${error} for the head`,
      fault: { error, operations: all, ...head },
      change: 'done',
      use: 'done',
    },
    {
      name: `${error} for the device's journal`,
      fault: { error, operations: all, ...flash },
      change: 'done',
      use: 'done',
      destroys: true,
    },
    {
      name: `${error} for the device's anchor`,
      fault: { error, operations: all, ...root },
      change: 'done',
      use: 'done',
      destroys: true,
    },
    {
      name: `${error} for everything`,
      fault: { error, operations: all, ...data },
      change: refused,
      use: refused,
    },
  ]),
  {
    name: 'syncs of the store that fail',
    fault: { error: 'EIO', operations: ['syncs'], ...store },
    change: refused,
    use: refused,
  },
  {
    name: "syncs of the device's journal that fail",
    fault: { error: 'EIO', operations: ['syncs'], ...flash },
    change: 'done',
    use: 'done',
    destroys: true,
  },
  {
    name: 'a directory in which nothing can be made',
    fault: { error: 'EROFS', operations: ['names'], ...data },
    change: 'done',
    use: 'done',
  },
];

async function outcome(call: Promise<unknown>): Promise<string> {
  const startedMs = performance.now();
  const answer = await call.then(
    () => 'done',
    (error: Error & { $metadata?: { httpStatusCode?: number } }) =>
      `${error.name} ${error.$metadata?.httpStatusCode}`,
  );
  const tookMs = performance.now() - startedMs;
  return tookMs <= ANSWER_MS ? answer : `${answer}, after ${Math.round(tookMs)} ms`;
}

describeUnless(missingCompiler, 'a server whose disk fails', () => {
  let faults: FaultSwitch;
  let server: StartedServer;
  let client: KMSClient;
  let directory: string;
  let key: string;
  /** By key: the description that was acknowledged last. */
  const acknowledged = new Map<string, string>();

  beforeAll(async () => {
    const folder = scratchDirectory();
    directory = join(folder, 'data');
    faults = new FaultSwitch(folder);
    await start();
    key = await create('the key that is used');
  });
  afterAll(async () => {
    faults.clear();
    await server.kill();
    faults[Symbol.dispose]();
  });

  async function start(): Promise<void> {
    Object.assign(process.env, faults.environment);
    try {
      server = await startServer({ dataDirectory: directory, readyTimeoutMs: 30_000 });
    } finally {
      for (const name of Object.keys(faults.environment)) delete process.env[name];
    }
    client = kmsClient(server);
  }

  async function create(description: string): Promise<string> {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: description }));
    const made = KeyMetadata?.KeyId ?? '';
    acknowledged.set(made, description);
    return made;
  }

  const use = async (): Promise<void> => {
    const encrypt = new EncryptCommand({ KeyId: key, Plaintext: Buffer.from('plain') });
    const { CiphertextBlob } = await client.send(encrypt);
    await client.send(new DecryptCommand({ CiphertextBlob }));
  };

  const update = async (description: string): Promise<void> => {
    await client.send(new UpdateKeyDescriptionCommand({ KeyId: key, Description: description }));
    acknowledged.set(key, description);
  };

  async function everythingIsThere(): Promise<void> {
    for (const [KeyId, description] of acknowledged) {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }));
      // A change that was answered with 500 may have happened; one that was acknowledged has.
      expect(KeyMetadata?.Description, KeyId).toBe(description);
    }
  }

  it.each(cases)('$name', async ({ name, fault, change, use: used, destroys }) => {
    const doomed = destroys && (await create('to be destroyed'));
    if (doomed) {
      acknowledged.delete(doomed);
      await client.send(new ScheduleKeyDeletionCommand({ KeyId: doomed, PendingWindowInDays: 7 }));
    }
    const seen = { change: new Set<string>(), use: new Set<string>() };
    faults.set(fault);
    try {
      if (doomed) {
        const { dueWork } = await server.clock.advance({ days: 8 });
        expect(dueWork).toEqual({ done: 0, failing: 1 });
        const metrics = String(await adminRequest(directory, 'metrics'));
        expect(metrics).toMatch(/^strongroom_due_items\{thread="main"\} 1$/m);
        expect(metrics).toMatch(/^strongroom_due_overdue_seconds\{thread="main"\} 86\d\d\d/m);
        expect(metrics).toMatch(/^strongroom_due_tries_total\{.*outcome="failure".*\} [1-9]/m);
      }
      for (let round = 0; round < ROUNDS; round++) {
        seen.change.add(await outcome(create(`${name} ${round}`)));
        seen.change.add(await outcome(update(`${name} ${round}`)));
        seen.use.add(await outcome(use()));
      }
    } finally {
      faults.clear();
    }
    const works = {
      create: await outcome(create(`after ${name}`)),
      update: await outcome(update(`after ${name}`)),
      use: await outcome(use()),
    };
    expect({ seen, works }).toEqual({
      seen: { change: new Set([change]), use: new Set([used]) },
      works: { create: 'done', update: 'done', use: 'done' },
    });
    await everythingIsThere();
    if (doomed)
      await expect
        .poll(() => outcome(client.send(new DescribeKeyCommand({ KeyId: doomed }))), {
          timeout: 10_000,
        })
        .toBe('NotFoundException 400');
  });

  it('goes on after resets of its device in the middle of requests', async () => {
    const answers = new Map<string, number>();
    let running = true;
    const work = async (): Promise<void> => {
      for (let round = 0; running; round++) {
        const answer = await outcome(round % 3 === 0 ? create(`reset ${round}`) : use());
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    const lanes = Array.from({ length: 8 }, work);
    for (let reset = 0; reset < RESETS; reset++) {
      await adminRequest(directory, 'device', { action: 'reset' });
      await sleep(150);
    }
    running = false;
    await Promise.all(lanes);
    process.stdout.write(`${RESETS} resets: ${JSON.stringify(Object.fromEntries(answers))}\n`);
    for (const answer of answers.keys())
      expect(['done', 'KeyUnavailableException 500']).toContain(answer);
    expect(answers.get('done')).toBeGreaterThan(50);
    expect(await outcome(use())).toBe('done');
    await everythingIsThere();
  });

  it('has all that was acknowledged after a kill and a start', async () => {
    await server.kill();
    await start();
    await everythingIsThere();
    await use();
    expect(await server.stop()).toBe(0);
    await verifyAuditFile(join(directory, 'audit.jsonl'), (line) => hash('sha256', line, 'hex'));
  });
});
