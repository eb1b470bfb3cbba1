/**
 * `strongroom hsm delete`.
 */
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { UsageError } from '../exit.ts';
import { print } from '../output.ts';
import { USER_FLAGS, USER_HELP, withUser } from './device.ts';
import {
  FILTER_FLAGS,
  FILTER_HELP,
  type FilterValues,
  objectView,
  oneObject,
} from './object-views.ts';

export const hsmDelete: CommandLine = {
  help: `strongroom hsm delete [UNIQUE-ID] [FLAGS]: destroys one object for good
It is named by its CKA_UNIQUE_ID, or by flags that fit it and no other.

${FILTER_HELP}${USER_HELP}
Examples:
  strongroom hsm delete 5b0c2f41a80e4f7f9d3c6b1a2e8d7c05
  strongroom hsm delete --class private --id 01

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: { ...USER_FLAGS, ...FILTER_FLAGS },
    });
    const unique = meant(positionals, values);
    await withUser(values, true, async (session) => {
      const found = await oneObject(session, unique, values);
      await session.destroyObject(found.handle);
      const { uniqueId, class: name, label } = objectView(found);
      print(`destroyed ${uniqueId}: ${name}${label === '' ? '' : ` ${label}`}\n`);
    });
  },
};

/** @returns the unique id, if that is how the object is named. @throws UsageError */
export function meant(positionals: readonly string[], filter: FilterValues): string | undefined {
  const [unique, ...more] = positionals;
  const filters = [filter.class, filter.label, filter.id].filter((value) => value !== undefined);
  if (more.length > 0) throw new UsageError('hsm delete takes one object');
  if (unique === undefined && filters.length === 0)
    throw new UsageError('which object? its unique id, or --class, --label and --id');
  if (unique !== undefined && filters.length > 0)
    throw new UsageError('the unique id says it all: leave --class, --label and --id out');
  return unique;
}
