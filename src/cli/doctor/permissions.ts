/**
 * Permissions: the data directory and everything in it belong to this user, and to nobody else.
 */
import { accessSync, constants, existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { soPinFileDefault } from '../../server/so-pin.ts';
import { errorText } from '../../values/unknown.ts';
import { type Finding, type Patient, Report } from './finding.ts';

/** Files named in one finding. */
const NAMED_MAX = 5;

export function checkPermissions({ dataDirectory }: Patient): Finding[] {
  const report = new Report('permissions');
  try {
    if (existsSync(dataDirectory)) checkDirectory(report, dataDirectory);
    else checkParent(report, dataDirectory);
    checkSoPin(report, dataDirectory);
  } catch (error) {
    report.failure(errorText(error));
  }
  return report.findings;
}

function checkDirectory(report: Report, directory: string): void {
  if (!statSync(directory).isDirectory()) {
    report.failure(`${directory} is not a directory`);
    return;
  }
  accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  const paths = [directory, ...entries(directory)];
  const stats = paths.map((path) => ({ path, ...pick(lstatSync(path)) }));
  const open = stats.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path);
  if (open.length > 0) {
    report.failure(
      `other users have rights on ${named(open)}`,
      `chmod -R go= ${directory}; if they could read it, take its keys and credentials for known`,
    );
  }
  const user = process.getuid?.();
  const foreign = stats.filter(({ uid }) => user !== undefined && uid !== user);
  if (foreign.length > 0) {
    report.failure(
      `not this user's (${user}): ${named(foreign.map(({ path }) => path))}`,
      'run this as the user that the service runs as',
    );
  }
  if (open.length + foreign.length === 0)
    report.ok(`${directory} and the ${paths.length - 1} files in it are this user's alone`);
}

function checkParent(report: Report, directory: string): void {
  let above = dirname(directory);
  while (!existsSync(above)) above = dirname(above);
  try {
    accessSync(above, constants.W_OK | constants.X_OK);
    report.skipped(`${directory} is not there yet: the first start makes it`);
  } catch {
    report.failure(`${directory} is not there, and this user may not make it in ${above}`);
  }
}

/** The security officer's PIN in the place where the first boot put it. */
function checkSoPin(report: Report, directory: string): void {
  const file = soPinFileDefault(directory);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if ((stat.mode & 0o077) !== 0)
    report.failure(`other users have rights on ${file}`, `chmod go= ${file}, and move it away`);
  else report.warning(`the security officer's PIN is still in ${file}`, 'move it to a safe place');
}

function entries(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(directory, name),
  );
}

const pick = ({ mode, uid }: { mode: number; uid: number }) => ({ mode, uid });

function named(paths: readonly string[]): string {
  const rest = paths.length - NAMED_MAX;
  return `${paths.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
