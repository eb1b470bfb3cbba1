/**
 * A thread that joins an application, works without pause in one of three ways, and is there to be terminated.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ObjectHandle } from '../../src/hsm/index.ts';
import { attachDevice } from '../../src/link/in-process.ts';

const { attachId, key, way } = workerData as {
  attachId: Uint8Array;
  key: ObjectHandle;
  way: 'sync' | 'async' | 'sessions';
};

const device = await attachDevice(attachId);
const [slot] = await device.slots();
if (slot === undefined) throw new Error('the device has no slot');
const session = await slot.openSession({ readWrite: true });
const mechanism = { mechanism: 'CKM_AES_GCM', iv: new Uint8Array(12) } as const;

async function encryptOnThePool(data: Uint8Array): Promise<never> {
  for (;;) await session.encrypt(mechanism, key, data);
}

async function openAndClose(): Promise<never> {
  for (;;) {
    const other = await slot!.openSession();
    await other.generateRandom(16);
    await other.close();
  }
}

parentPort?.postMessage('working');
if (way === 'sync') {
  const data = new Uint8Array(1000);
  for (;;) session.sync?.encrypt(mechanism, key, data);
} else if (way === 'async') {
  // Longer than what may run on this thread.
  await Promise.all([1, 2, 3].map(() => encryptOnThePool(new Uint8Array(600_000))));
} else {
  await Promise.all([1, 2, 3].map(openAndClose));
}
