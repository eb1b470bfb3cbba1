/**
 * `strongroom hsm root passphrase set` and `remove`: what the root secret of a device that nobody has open is sealed under.
 */
import { join } from 'node:path';
import { CkrError } from '../../hsm/index.ts';
import { changeRootPassphrase } from '../../link/in-process.ts';
import { withRootPassphrase } from '../../server/root-passphrase.ts';
import { StartError } from '../../server/start-error.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { print } from '../output.ts';
import { commandError } from '../serve/command-error.ts';
import { DEVICE_HELP, hsmError } from './device.ts';
import { findPlace } from './place.ts';

const FLAG = 'passphrase-file';
const NEW_FLAG = 'new-passphrase-file';

export function rootPassphraseCommandLine(action: 'set' | 'remove'): CommandLine {
  const isSet = action === 'set';
  return {
    help: `strongroom hsm root passphrase ${action}: ${isSet ? 'seals the root secret under a passphrase' : 'the root secret lies in its file as it is'}
The device must not be open. A service's is in hsm/ of its data directory, and is then started with --root-passphrase-file.
Without the passphrase all keys of the device are gone.

${DEVICE_HELP}\
  --${FLAG} FILE     the passphrase it has, ${isSet ? 'if any ' : 'in the first line'}; /dev/fd/N for a descriptor
${
  isSet
    ? `  --${NEW_FLAG} FILE
                      the new one, 12 bytes or more
`
    : ''
}
${EXIT_CODES_HELP}`,
    async run(argv) {
      const { values } = parseCommandLine(argv, {
        options: {
          directory: { type: 'string' },
          [FLAG]: { type: 'string' },
          ...(isSet && { [NEW_FLAG]: { type: 'string' } }),
        },
      });
      const named = values as { readonly [flag in string]?: string };
      const needed = isSet ? NEW_FLAG : FLAG;
      if (named[needed] === undefined) throw new UsageError(`--${needed} FILE is needed`);
      const place = findPlace(named.directory);
      try {
        await withRootPassphrase(named[FLAG], (before) =>
          withRootPassphrase(named[NEW_FLAG], (after) =>
            changeRootPassphrase(join(place.directory, 'root'), before, after),
          ),
        );
      } catch (error) {
        if (error instanceof StartError) throw commandError(error, undefined);
        if (error instanceof CkrError && error.ckr === 'CKR_PIN_INVALID')
          throw new CommandError(
            `the root secret in ${place.directory}/root does not open so: it has another passphrase, or none. Nothing was changed`,
          );
        throw hsmError(error, place);
      }
      print(
        `the root secret in ${join(place.directory, 'root')} ${isSet ? 'is under the new passphrase' : 'is under no passphrase'}\n`,
      );
    },
  };
}
