/**
 * `strongroom clock`: shows and moves the domain clock of a running service, for tests of what takes days and years.
 */
import type { AdminArguments } from '../admin/admin-protocol.ts';
import { askService } from './admin-command.ts';
import { dataDirectoryPath, parseCommandLine } from './arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from './command.ts';
import { UsageError } from './exit.ts';
import { printJson } from './output.ts';

export type ClockAction = 'show' | 'advance' | 'set' | 'freeze' | 'resume';

const about: Readonly<Record<ClockAction, { readonly argument: string; readonly says: string }>> = {
  show: { argument: '', says: 'what the clock of key life shows' },
  advance: { argument: ' TIME', says: 'moves the clock forward: 30d, 12h, 90m, 15s or 250ms' },
  set: { argument: ' MOMENT', says: 'moves the clock forward to a moment: 2031-01-31T12:00:00Z' },
  freeze: { argument: '', says: 'the clock stands still' },
  resume: { argument: '', says: 'the clock goes on from where it stands' },
};

export function clockCommandLine(action: ClockAction): CommandLine {
  const { argument, says } = about[action];
  return {
    help: `strongroom clock ${action}${argument}: ${says}

  --data-dir DIR      the service's data directory               (./strongroom-data)

The clock dates keys, deletions and all that becomes due; signatures, TLS and the audit log follow the machine's. It is
never set back. A move answers when what it made due is done.

${EXIT_CODES_HELP}`,
    async run(argv) {
      const { values, positionals } = parseCommandLine(argv, {
        options: { 'data-dir': { type: 'string' } },
        allowPositionals: true,
      });
      const args = clockArguments(action, positionals);
      printJson(await askService(dataDirectoryPath(values['data-dir']), 'clock', args));
    },
  };
}

/** @throws UsageError */
function clockArguments(action: ClockAction, words: readonly string[]): AdminArguments {
  const [word, ...others] = words;
  const takesOne = about[action].argument !== '';
  if (others.length > 0 || takesOne !== (word !== undefined))
    throw new UsageError(
      `strongroom clock ${action} takes ${takesOne ? 'one argument' : 'no argument'}`,
    );
  if (word === undefined) return { action };
  return action === 'set' ? { action, toMs: moment(word) } : { action, ms: duration(word) };
}

const unitsMs: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** @throws UsageError */
function duration(text: string): number {
  const [, count, unit] = /^(\d{1,9})(d|h|m|s|ms)$/.exec(text) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  if (count === undefined || unitMs === undefined)
    throw new UsageError(`a time is written as 30d, 12h, 90m, 15s or 250ms, not '${text}'`);
  return Number(count) * unitMs;
}

/** @throws UsageError */
function moment(text: string): number {
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const ms = isIso ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new UsageError(`a moment is written as 2031-01-31T12:00:00Z, not '${text}'`);
  return ms;
}
