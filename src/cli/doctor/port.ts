/**
 * Port: free for the service, or the service's own already.
 */
import { PortInUseError, probeBind } from '../../http/bind.ts';
import { errorText } from '../../values/unknown.ts';
import type { ServerStatus } from '../running-server.ts';
import { type Finding, type Patient, Report } from './finding.ts';

export async function checkPort(
  { host, port }: Patient,
  server: ServerStatus | undefined,
): Promise<Finding[]> {
  const report = new Report('port');
  try {
    await probeBind(host, port);
    report.ok(`${host}:${port} is free`);
  } catch (error) {
    if (!(error instanceof PortInUseError)) report.failure(errorText(error));
    else if (server !== undefined && error.holderPid === server.pid)
      report.ok(`${host}:${port} is this data directory's server's`);
    else report.failure(error.message, 'end that program, or choose another port with --port');
  }
  return report.findings;
}
