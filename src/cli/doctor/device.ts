/**
 * Device: opens, passes its self-tests, finds its flash whole and its memory locked. It is not logged in to: a PIN that
 * is wrong would count.
 */
import { readFileSync } from 'node:fs';
import type { Device, DeviceStatus } from '../../hsm/index.ts';
import { deviceMemory, openDevice } from '../../link/in-process.ts';
import { type DataDirectory, hsmDirectory } from '../../server/data-directory.ts';
import { openHsm } from '../../server/first-boot.ts';
import { onlySlot, SLOT_COUNT } from '../../server/token.ts';
import { errorText } from '../../values/unknown.ts';
import type { ServerStatus } from '../running-server.ts';
import { commandError } from '../serve/command-error.ts';
import { type Finding, Report } from './finding.ts';

/** @param directory of a data directory whose lock is held; undefined: a device in memory shows what this machine can do */
export async function checkDevice(directory: DataDirectory | undefined): Promise<DeviceFindings> {
  const report = new Report('device');
  try {
    await using device = await open(directory);
    const status = await device.status();
    const token = await (await onlySlot(device)).tokenInfo();
    if (directory !== undefined) {
      const { label, serialNumber, initialized } = token;
      if (initialized) report.ok(`flash of token ${label}, serial ${serialNumber}, is whole`);
      else report.failure('its token is not initialized');
    }
    judgeStatus(report, status, (await device.selfTests()).length);
    const { arena, secureHeap } = deviceMemory(device.attachId);
    return {
      findings: [...report.findings, ...checkMemory(status, arena.length + secureHeap.length)],
      serialNumber: directory && token.serialNumber,
    };
  } catch (error) {
    report.failure(errorText(commandError(error, directory?.root)));
    return { findings: report.findings, serialNumber: undefined };
  }
}

export interface DeviceFindings {
  readonly findings: Finding[];
  /** Of the data directory's token, if it could be opened. */
  readonly serialNumber: string | undefined;
}

/** The device of a server that runs, by what it says of it. */
export function checkRunningDevice({ device, memory, pid }: ServerStatus): Finding[] {
  const report = new Report('device');
  report.ok(`open in the server with process id ${pid}: ${device.tokenObjectCount} token objects`);
  judgeStatus(report, device, undefined);
  return [
    ...report.findings,
    ...checkMemory(device, memory.arena.length + memory.secureHeap.length),
  ];
}

function open(directory: DataDirectory | undefined): Promise<Device> {
  if (directory !== undefined) return openHsm(hsmDirectory(directory.hsm), false);
  return openDevice({
    flashDirectory: null,
    slotCount: SLOT_COUNT,
    create: true,
    pinIterations: 1,
  });
}

function judgeStatus(
  report: Report,
  status: DeviceStatus,
  selfTestCount: number | undefined,
): void {
  if (status.errorState) {
    report.failure(
      `self-test ${status.failedSelfTest} failed: it does no cryptography`,
      'build or install the addon again; if it stays, the machine is at fault',
    );
  } else {
    const known = selfTestCount === undefined ? '' : ` (${selfTestCount} are known)`;
    report.ok(`no self-test failed${known}`);
  }
}

/** @param needed bytes of locked memory */
function checkMemory({ memoryLocked }: DeviceStatus, needed: number): Finding[] {
  const report = new Report('locked memory');
  const limit = memoryLockLimit();
  const limitText = limit === undefined ? 'unknown here' : mebibytes(limit);
  const what = `${mebibytes(needed)} for keys, limit ${limitText}`;
  if (memoryLocked) report.ok(what);
  else {
    report.warning(
      `${what}: key memory could not all be locked, so it may be swapped to a disk`,
      'raise it: ulimit -l, LimitMEMLOCK= of systemd, --ulimit memlock= of a container',
    );
  }
  return report.findings;
}

/** RLIMIT_MEMLOCK of this process, bytes; undefined where the system does not show it. */
function memoryLockLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1];
    return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}

function mebibytes(bytes: number): string {
  if (bytes === Number.POSITIVE_INFINITY) return 'none';
  return `${Math.round((bytes / 1048576) * 10) / 10} MiB`;
}
