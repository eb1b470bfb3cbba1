/**
 * Worker threads that are terminated in the middle of operations: the process lives, their sessions are closed, and
 * whoever stays can work on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { ObjectHandle } from '../../src/hsm/index.ts';
import { generateAesKey, openMemoryDevice } from '../support/memory-device.ts';

const workerCount = 1000;
const atOnce = 4;
const ways = ['sync', 'async', 'sessions'] as const;

async function terminateMidOperation(
  attachId: Uint8Array,
  key: ObjectHandle,
  number: number,
): Promise<void> {
  const worker = new Worker(new URL('attached-worker.ts', import.meta.url), {
    workerData: { attachId, key, way: ways[number % ways.length] },
    execArgv: [], // not those of the test runner
  });
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  const working = new Promise((resolve) => worker.once('message', resolve));
  await Promise.race([working, failed]);
  await sleep(number % 4);
  await worker.terminate();
}

it('are terminated 1,000 times without a crash or a leaked session', async () => {
  await using token = await openMemoryDevice();
  const { device, session } = token;
  const key = await generateAesKey(session);
  const before = await device.status();
  let next = 0;
  const startOneAfterTheOther = async (): Promise<void> => {
    while (next < workerCount) await terminateMidOperation(device.attachId, key, next++);
  };
  await Promise.all(Array.from({ length: atOnce }, startOneAfterTheOther));

  const after = await device.status();
  expect(next).toBe(workerCount);
  expect(after.sessionCount).toBe(before.sessionCount);
  expect(after.sessionObjectCount).toBe(before.sessionObjectCount);
  expect(after.applicationCount).toBe(before.applicationCount);
  expect(after.errorState).toBe(false);
  const mechanism = { mechanism: 'CKM_AES_GCM', iv: new Uint8Array(12) } as const;
  const sealed = await session.encrypt(mechanism, key, Buffer.from('still here'));
  expect(Buffer.from(await session.decrypt(mechanism, key, sealed)).toString()).toBe('still here');
}, 180_000);
