/**
 * `strongroom config`: checks the declarative file, prints its schema, has a running service read it again.
 */
import { readFileSync } from 'node:fs';
import { readConfig } from '../config/read-config.ts';
import { configSchema } from '../config/schema.ts';
import { problemLines } from '../server/identities.ts';
import { errorText } from '../values/unknown.ts';
import { parseCommandLine } from './arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from './command.ts';
import { CommandError, EXIT, UsageError } from './exit.ts';
import { print, printJson } from './output.ts';

export const configCheck: CommandLine = {
  help: `strongroom config check FILE: reads a declarative file as strongroom serve --config does

Each problem is a line: FILE:LINE:COLUMN: what is wrong. Nothing is changed.

Exit codes: 0 the file is good, 1 it is not or cannot be read, 2 the command line is wrong.
`,
  async run(argv) {
    const { positionals } = parseCommandLine(argv, { options: {}, allowPositionals: true });
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0)
      throw new UsageError('strongroom config check takes one file');
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (cause) {
      throw new CommandError(`${file} cannot be read: ${errorText(cause)}`, EXIT.failure, {
        cause,
      });
    }
    const { problems } = readConfig(text);
    if (problems.length === 0) {
      print(`${file}: good\n`);
      return;
    }
    print(`${problemLines(file, problems)}\n`);
    throw new CommandError(`${file}: ${problems.length} problems`, EXIT.failure);
  },
};

export const configSchemaCommand: CommandLine = {
  help: `strongroom config schema: prints the JSON Schema of the declarative file, for editors

${EXIT_CODES_HELP}`,
  async run(argv) {
    parseCommandLine(argv, { options: {} });
    printJson(configSchema);
  },
};
