/**
 * `strongroom doctor`: looks at everything a service needs, changes nothing, and says what to do.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirectory } from '../../server/data-directory.ts';
import { dataFiles, lockDataDirectory } from '../../store/data-directory.ts';
import { errorText } from '../../values/unknown.ts';
import { dataDirectoryPath, integer, parseCommandLine } from '../arguments.ts';
import type { CommandLine } from '../command.ts';
import { EXIT } from '../exit.ts';
import { plain, print, printJson } from '../output.ts';
import { runningServer } from '../running-server.ts';
import { checkClock, checkDomainClock } from './clock.ts';
import { checkDevice, checkRunningDevice } from './device.ts';
import { type Finding, type Patient, Report } from './finding.ts';
import { checkPermissions } from './permissions.ts';
import { checkPort } from './port.ts';
import { checkStore } from './store.ts';
import { checkTls } from './tls.ts';
import { checkAddon, checkNode } from './toolchain.ts';

const DISCLAIMER =
  'This is a simulation of an HSM, not a validated module: do not keep production secrets in it.';

export const doctor: CommandLine = {
  help: `strongroom doctor [FLAGS]: finds out why a service does not start, or should not be trusted
Looks at Node and the addon, rights on files, device and locked memory, store and audit log, TLS
certificates, clocks and the port. Where a server runs, it is asked; where none does, the device is opened
and closed again, without a login.

  --data-dir DIR      the service's data directory               (./strongroom-data)
  --host ADDRESS      address the service is to listen on        (127.0.0.1)
  --port N            port the service is to listen on           (4599)
  --json              findings as JSON

Examples:
  strongroom doctor --data-dir /srv/strongroom
  strongroom doctor --json | jq '.findings[] | select(.status != "ok")'

Exit codes: 0 nothing failed (there may be warnings), 1 something did, 2 the command line is wrong.

${DISCLAIMER}
`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: {
        'data-dir': { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    const findings = await examine({
      dataDirectory: dataDirectoryPath(values['data-dir']),
      host: values.host ?? '127.0.0.1',
      port: integer('--port', values.port ?? '4599', 1, 65535),
    });
    const ok = !findings.some(({ status }) => status === 'failure');
    if (values.json) printJson({ ok, findings, disclaimer: DISCLAIMER });
    else print(`${findingLines(findings)}\n${DISCLAIMER}\n`);
    if (!ok) process.exitCode = EXIT.failure;
  },
};

async function examine(patient: Patient): Promise<Finding[]> {
  const addon = checkAddon();
  const canLoad = !addon.some(({ status }) => status === 'failure');
  return [
    ...checkNode(),
    ...addon,
    ...checkPermissions(patient),
    ...(await checkData(patient, canLoad)),
  ];
}

/** Taking the lock would set them right, and this command changes nothing. */
const isOpenToOthers = (directory: string): boolean => (statSync(directory).mode & 0o077) !== 0;

/** What depends on whether a server runs. */
async function checkData(patient: Patient, canLoad: boolean): Promise<Finding[]> {
  const { dataDirectory: root } = patient;
  const exists = existsSync(join(root, dataFiles.lock));
  const report = new Report('data directory');
  const place = dataDirectory(root);
  let server: Awaited<ReturnType<typeof runningServer>>;
  const findings: Finding[] = [];
  try {
    server = exists ? await runningServer(root) : undefined;
    if (server !== undefined) {
      findings.push(
        ...checkRunningDevice(server),
        ...(await checkStore({ dataDirectory: root, deviceId: undefined, isRunning: true })),
      );
    } else if (exists && isOpenToOthers(root)) {
      report.skipped('device and store are looked at when its rights are in order');
    } else if (exists) {
      using _lock = lockDataDirectory(root);
      const device = canLoad ? await checkDevice(place) : undefined;
      const deviceId = device?.serialNumber;
      findings.push(
        ...(device?.findings ?? []),
        ...(await checkStore({ dataDirectory: root, deviceId, isRunning: false })),
      );
    } else if (canLoad) findings.push(...(await checkDevice(undefined)).findings);
  } catch (error) {
    report.failure(errorText(error));
  }
  return [
    ...report.findings,
    ...findings,
    ...checkTls(place.tls),
    ...(await checkClock(exists ? root : undefined, server?.endpoint)),
    ...(exists ? checkDomainClock(place.clock) : []),
    ...(await checkPort(patient, server)),
  ];
}

const MARKS = { ok: 'ok', warning: 'warning', failure: 'FAILURE', skipped: '-' } as const;

/** For people: a line a finding, advice below it. */
export function findingLines(findings: readonly Finding[]): string {
  return findings
    .map(({ check, status, message, advice }) => {
      const line = `${MARKS[status].padEnd(8)} ${check.padEnd(14)} ${plain(message)}\n`;
      return advice === undefined ? line : `${line}${' '.repeat(24)}-> ${plain(advice)}\n`;
    })
    .join('');
}
