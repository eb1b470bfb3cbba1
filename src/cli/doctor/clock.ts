/**
 * Clock: a signature is good for five minutes, so clients and server have to agree on the time. It is held against the
 * file system's, which may be another machine's, and against the Date of a running server.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDomainClock } from '../../server/domain-clock.ts';
import { errorText } from '../../values/unknown.ts';
import { type Finding, Report } from './finding.ts';

/** Beyond, requests are refused. */
const REFUSED_MS = 5 * 60_000;
/** Beyond, something sets clocks wrongly. HTTP tells whole seconds. */
const ODD_MS = 5_000;
const ANSWER_MS = 5_000;

/**
 * @param folder on the file system to ask, if there is one
 * @param endpoint of a running server
 */
export async function checkClock(
  folder: string | undefined,
  endpoint: string | undefined,
): Promise<Finding[]> {
  const report = new Report('clock');
  try {
    judgeSkew(report, 'the file system', fileSystemSkewMs(folder ?? tmpdir()));
  } catch (error) {
    report.failure(`the file system's clock cannot be read: ${errorText(error)}`);
  }
  if (endpoint !== undefined) {
    try {
      judgeSkew(report, `the server at ${endpoint}`, await serverSkewMs(endpoint));
    } catch (error) {
      report.failure(`${endpoint} does not tell the time: ${errorText(error)}`);
    }
  }
  return report.findings;
}

/** The clock of key life. @param file where its setting is kept, once it was moved */
export function checkDomainClock(file: string): Finding[] {
  const report = new Report('domain clock');
  try {
    const clock = openDomainClock(file);
    const days = ((clock.nowMs() - Date.now()) / 86_400_000).toFixed(1);
    const stands = clock.setting.frozenAtMs === undefined ? '' : ', and stands still';
    if (days === '0.0' && stands === '') report.ok("shows the machine's time");
    else
      report.warning(
        `is ${days} days ahead of the machine's clock${stands}`,
        'keys are dated and destroyed by it: for tests alone',
      );
  } catch (error) {
    report.failure(errorText(error));
  }
  return report.findings;
}

/** @param skewMs how far `whose` clock is ahead of this one */
export function judgeSkew(report: Report, whose: string, skewMs: number): void {
  const apart = Math.abs(skewMs);
  const seconds = Math.round(apart / 1000);
  const what = `${whose} is ${seconds} s ${skewMs < 0 ? 'behind' : 'ahead'}`;
  const advice = 'set both clocks by NTP';
  if (apart > REFUSED_MS) report.failure(`${what}: signatures of this machine are refused`, advice);
  else if (apart > ODD_MS) report.warning(what, advice);
  else report.ok(`${whose} agrees on ${new Date().toISOString()}`);
}

/** By a file that is written there and gone afterwards. */
function fileSystemSkewMs(folder: string): number {
  const scratch = mkdtempSync(join(folder, '.doctor-'));
  try {
    const file = join(scratch, 'now');
    const beforeMs = Date.now();
    writeFileSync(file, '');
    return statSync(file).mtimeMs - (beforeMs + Date.now()) / 2;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function serverSkewMs(endpoint: string): Promise<number> {
  const url = new URL('/health', endpoint);
  const get = url.protocol === 'https:' ? getHttps : getHttp;
  const beforeMs = Date.now();
  const date = await new Promise<string | undefined>((resolve, reject) => {
    const options = {
      agent: false,
      signal: AbortSignal.timeout(ANSWER_MS),
      // Only the time is asked for, and nothing is told.
      rejectUnauthorized: false,
    };
    get(url, options, (response) => {
      response.resume();
      resolve(response.headers.date);
    }).once('error', reject);
  });
  const serverMs = Date.parse(date ?? '');
  if (Number.isNaN(serverMs)) throw new Error('its answer has no Date');
  return serverMs + 500 - (beforeMs + Date.now()) / 2;
}
