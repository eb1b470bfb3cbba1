/**
 * `strongroom hsm self-test`.
 */
import { openDevice } from '../../link/in-process.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError } from '../exit.ts';
import { print, printJson, table } from '../output.ts';
import { withProgress } from '../progress.ts';

export const hsmSelfTest: CommandLine = {
  help: `strongroom hsm self-test [FLAGS]: runs the token's self-tests in this process, and tells how each went
The integrity of the code, and a known answer of each algorithm. Those that go with an event (a new key pair,
entropy) are listed and not run. No device directory is opened.

  --json              JSON, in place of a table

Example:
  strongroom hsm self-test

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, { options: { json: { type: 'boolean' } } });
    await using device = await openDevice({ flashDirectory: null, slotCount: 1, create: true });
    const report = await withProgress('testing', () => device.selfTests({ run: true }));
    const tests = report.map(selfTest);
    if (values.json) printJson({ tests });
    else {
      const rows = tests.map(({ name, reference, result }) => [name, result, reference, '']);
      print(table(['TEST', 'RESULT', 'REFERENCE', ''], rows));
    }
    const failed = tests.filter(({ result }) => result === 'failed').map(({ name }) => name);
    if (failed.length > 0) throw new CommandError(`failed: ${failed.join(', ')}`);
  },
};

interface SelfTest {
  readonly name: string;
  readonly reference: string;
  readonly result: string;
}

/** A line of the device's report. */
export function selfTest(line: string): SelfTest {
  const [name = '', reference = '', result = ''] = line.split('\t');
  return { name, reference, result };
}
