/**
 * `strongroom hsm objects`.
 */
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { print, printJson } from '../output.ts';
import { USER_FLAGS, USER_HELP, withSlot, withUser } from './device.ts';
import {
  FILTER_FLAGS,
  FILTER_HELP,
  type FoundObject,
  findObjects,
  OBJECTS_MAX,
  objectFilter,
  objectTable,
  objectView,
} from './object-views.ts';

export const hsmObjects: CommandLine = {
  help: `strongroom hsm objects [FLAGS]: the objects of a token, at most ${OBJECTS_MAX}

${FILTER_HELP}${USER_HELP}\
  --public            those that are seen without a PIN, and ask for none
  --json              JSON, in place of a table

Examples:
  strongroom hsm objects
  strongroom hsm objects --class public --public --json | jq -r '.objects[].label'

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: {
        ...USER_FLAGS,
        ...FILTER_FLAGS,
        public: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
    const filter = objectFilter(values);
    const found = values.public
      ? await withSlot(values, async ({ slot }) => {
          await using session = await slot.openSession();
          return await findObjects(session, filter);
        })
      : await withUser(values, false, (session) => findObjects(session, filter));
    show(found, values.json === true);
  },
};

function show(found: readonly FoundObject[], asJson: boolean): void {
  if (asJson) printJson({ objects: found.map(objectView), complete: found.length < OBJECTS_MAX });
  else {
    print(objectTable(found));
    if (found.length === OBJECTS_MAX)
      process.stderr.write(
        `strongroom: these are ${OBJECTS_MAX}; --class, --label and --id narrow them\n`,
      );
  }
}
