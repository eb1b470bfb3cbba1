/**
 * TLS: certificates made here are readable, and valid for a while.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsFiles } from '../../server/tls/local.ts';
import { errorText } from '../../values/unknown.ts';
import { type Finding, Report } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

/** @param directory `tls/` of a data directory. @returns nothing when TLS was never asked for */
export function checkTls(directory: string, nowMs: number = Date.now()): Finding[] {
  if (!existsSync(directory)) return [];
  const report = new Report('tls');
  for (const name of [tlsFiles.server, tlsFiles.authority]) {
    const file = join(directory, name);
    try {
      const { validTo, validToDate } = new X509Certificate(readFileSync(file));
      const daysLeft = (validToDate.getTime() - nowMs) / DAY_MS;
      const advice = 'serve --tls makes another at its start';
      if (daysLeft <= 0) report.failure(`${file} expired on ${validTo}`, advice);
      else if (daysLeft <= SOON_DAYS) report.warning(`${file} expires on ${validTo}`, advice);
      else report.ok(`${file} is valid until ${validTo}`);
    } catch (error) {
      report.failure(`${file} cannot be used: ${errorText(error)}`);
    }
  }
  return report.findings;
}
