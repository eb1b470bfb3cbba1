/**
 * Store: the database is whole and of this device, and neither it nor the audit log lacks what was durable once.
 */
import { hash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Position } from '../../audit/sequencer.ts';
import { verifyAuditFile } from '../../audit/verify.ts';
import { dataFiles } from '../../store/data-directory.ts';
import { changeSequence, checkDirectory, openReader } from '../../store/database.ts';
import { type Head, readHead } from '../../store/store-head.ts';
import { errorText } from '../../values/unknown.ts';
import { withProgress } from '../progress.ts';
import { type Finding, Report } from './finding.ts';

export interface StoreOptions {
  readonly dataDirectory: string;
  /** Serial number of the token that it has to be of; undefined: unknown. */
  readonly deviceId: string | undefined;
  /** A server writes to it at this time. */
  readonly isRunning: boolean;
}

const RESTORE = 'restore the data directory from a copy';

export async function checkStore(options: StoreOptions): Promise<Finding[]> {
  const { dataDirectory, isRunning } = options;
  const report = new Report('store');
  const path = join(dataDirectory, dataFiles.database);
  if (!existsSync(path)) {
    report.skipped('no database yet');
    return report.findings;
  }
  const audit = new Report('audit log');
  try {
    // Before the database, which is ahead of it while somebody writes.
    const head = readHead(join(dataDirectory, dataFiles.head));
    const database = openReader(path);
    try {
      judgeDatabase(report, database, path, options, head);
      if (isRunning) audit.skipped('checked when no server writes to it');
      else await judgeAudit(audit, dataDirectory, database, head);
    } finally {
      database.close();
    }
  } catch (error) {
    report.failure(errorText(error), RESTORE);
  }
  return [...report.findings, ...audit.findings];
}

function judgeDatabase(
  report: Report,
  database: DatabaseSync,
  path: string,
  { deviceId }: StoreOptions,
  head: Head | undefined,
): void {
  if (deviceId !== undefined) checkDirectory(path, database, deviceId);
  const [first] = database.prepare('PRAGMA quick_check(1)').all();
  if (first?.quick_check !== 'ok') {
    report.failure(`${path} is damaged: ${first?.quick_check}`, RESTORE);
    return;
  }
  const change = changeSequence(database);
  if (head === undefined)
    report.warning(`there is no ${dataFiles.head}: a cut database would not be noticed`);
  else if (change < head.change) {
    report.failure(
      `${path} ends with change ${change}, but change ${head.change} had been made`,
      RESTORE,
    );
    return;
  }
  const keys = database.prepare('SELECT count(*) AS keys FROM record_keys').get()?.keys;
  report.ok(`${path} is whole: ${keys} KMS keys, change ${change}`);
}

async function judgeAudit(
  report: Report,
  directory: string,
  database: DatabaseSync,
  head: Head | undefined,
): Promise<void> {
  const path = join(directory, dataFiles.audit);
  if (!existsSync(path)) {
    if ((head?.audit ?? 0) > 0) report.failure(`${path} is missing`, RESTORE);
    else report.skipped('no audit log yet');
    return;
  }
  let position: Position | undefined;
  try {
    position = await withProgress('reading the audit log', () =>
      verifyAuditFile(path, (text) => hash('sha256', text, 'hex')),
    );
  } catch (error) {
    const wholeLines = endsWithLine(path);
    if (wholeLines) report.failure(`${path}: ${errorText(error)}`, RESTORE);
    else
      report.warning(
        `${path}: ${errorText(error)}`,
        'the next start moves a torn end to audit.torn',
      );
    return;
  }
  const outbox = database.prepare('SELECT max(sequence) AS newest FROM audit_outbox').get();
  // What the file lacks the next start restores from there.
  const reached = Math.max(position.sequence, Number(outbox?.newest ?? 0));
  if (reached < (head?.audit ?? 0)) {
    report.failure(
      `${path} ends with record ${reached}, but record ${head?.audit} had been written`,
      RESTORE,
    );
  } else report.ok(`${path}: ${position.sequence} records, each follows from the one before`);
}

function endsWithLine(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    return readSync(fd, last, 0, 1, fstatSync(fd).size - 1) === 1 && last[0] === 0x0a;
  } finally {
    closeSync(fd);
  }
}
