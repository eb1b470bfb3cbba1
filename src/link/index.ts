/**
 * `strongroom/hsm`: PKCS#11 for TypeScript as the package offers it: what src/hsm declares, and the ways to reach a device.
 *
 *   await using device = await openDevice({ flashDirectory: null, slotCount: 1, create: true });
 *   const [slot] = await device.slots();
 *   await using session = await slot.openSession({ readWrite: true });
 */
/// <reference lib="esnext.disposable" preserve="true" />
export * from '../hsm/index.ts';
export { attachDevice, type DeviceOptions, openDevice } from './in-process.ts';
