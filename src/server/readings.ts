/**
 * What metrics read of a KMS and its device when somebody asks.
 */
import type { Device } from '../hsm/index.ts';
import { searchTurns, slowTurns } from '../keystore/domain-connection.ts';
import type { Readings, ServiceReadings } from '../metrics/service-metrics.ts';
import type { OpenRegions } from './kms.ts';

/** Of a thread that runs no KMS. */
export const noReadings: Readings = {
  hsmCommands: 0,
  keyCacheHits: 0,
  keyCacheMisses: 0,
  cachedKeys: 0,
  waiting: {},
};

/** Of one thread. */
export function kmsReadings(device: Device, regions: OpenRegions): Readings {
  const loads = [...regions.parts.values()].map(({ keyStore }) => keyStore.load());
  const sum = (name: keyof (typeof loads)[number]): number =>
    loads.reduce((total, load) => total + load[name], 0);
  return {
    hsmCommands: device.commandCount,
    keyCacheHits: sum('cacheHits'),
    keyCacheMisses: sum('cacheMisses'),
    cachedKeys: sum('cachedKeys'),
    waiting: { slow: slowTurns.waitingCount, 'key-generation': searchTurns.waitingCount },
  };
}

/** Of the whole device. @throws CkrError */
export async function deviceReadings(device: Device): Promise<ServiceReadings['device']> {
  const status = await device.status();
  return {
    sessions: status.sessionCount,
    sessionObjects: status.sessionObjectCount,
    tokenObjects: status.tokenObjectCount,
    flashBytes: status.flashBytes,
  };
}
