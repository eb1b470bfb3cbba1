/**
 * `strongroom hsm pin set`, `pin change` and `pin unlock`.
 */
import { CKF } from '../../hsm/index.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { print } from '../output.ts';
import { withProgress } from '../progress.ts';
import { type NumberedSlot, SLOT_FLAGS, SLOT_HELP, withSlot } from './device.ts';
import { PIN_FLAGS, PIN_HELP, PINS, type PinValues, readPin } from './pin-source.ts';

const FLAGS = { ...SLOT_FLAGS, ...PIN_FLAGS } as const;

function noMore(command: string, positionals: readonly string[]): void {
  if (positionals.length > 0)
    throw new UsageError(`hsm pin ${command} takes flags only; a PIN is never on the command line`);
}

/** As SO: gives the user a PIN. */
async function give({ slot, number }: NumberedSlot, values: PinValues): Promise<void> {
  using so = await readPin(PINS.so, values);
  using user = await readPin(PINS.newUser, values);
  await using session = await slot.openSession({ readWrite: true });
  await withProgress('giving the user a PIN', async () => {
    await session.login('so', so.bytes);
    await session.initPin(user.bytes);
  });
  print(`slot ${number}: the user has a new PIN\n`);
}

export const hsmPinSet: CommandLine = {
  help: `strongroom hsm pin set [FLAGS]: as SO, gives the user the first PIN

${SLOT_HELP}${PIN_HELP.so}${PIN_HELP.fresh}
Example:
  strongroom hsm pin set --so-pin-file so-pin

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: FLAGS,
    });
    noMore('set', positionals);
    await withSlot(values, async (chosen) => {
      if (chosen.token.userPinInitialized) {
        throw new CommandError(
          'the user has a PIN: hsm pin change is for who knows it, hsm pin unlock for the SO',
        );
      }
      await give(chosen, values);
    });
  },
};

export const hsmPinUnlock: CommandLine = {
  help: `strongroom hsm pin unlock [FLAGS]: as SO, gives the user a new PIN in place of one that is locked or lost
The user's objects stay. A locked SO PIN has no such cure.

${SLOT_HELP}${PIN_HELP.so}${PIN_HELP.fresh}
Example:
  strongroom hsm pin unlock --token my-token

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: FLAGS,
    });
    noMore('unlock', positionals);
    await withSlot(values, async (chosen) => {
      if (!chosen.token.userPinInitialized)
        throw new CommandError('the user has no PIN yet: hsm pin set gives the first');
      if ((chosen.token.flags & CKF.CKF_SO_PIN_LOCKED) !== 0)
        throw new CommandError('the SO PIN itself is locked, and nobody can unlock that');
      await give(chosen, values);
    });
  },
};

export const hsmPinChange: CommandLine = {
  help: `strongroom hsm pin change [FLAGS]: changes the user's PIN, or the SO's, by whoever knows it

${SLOT_HELP}\
  --so                the SO's PIN, not the user's
${PIN_HELP.user}${PIN_HELP.so}${PIN_HELP.fresh}
Examples:
  strongroom hsm pin change
  strongroom hsm pin change --so --so-pin-file old --new-pin-file new

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: { ...FLAGS, so: { type: 'boolean' } },
    });
    noMore('change', positionals);
    await withSlot(values, async ({ slot, number }) => {
      using old = await readPin(values.so ? PINS.so : PINS.user, values);
      using fresh = await readPin(values.so ? PINS.newSo : PINS.newUser, values);
      await using session = await slot.openSession({ readWrite: true });
      await withProgress('changing the PIN', async () => {
        // A public session changes the user's PIN (5.5.9); the SO has to be logged in.
        if (values.so) await session.login('so', old.bytes);
        await session.setPin(old.bytes, fresh.bytes);
      });
      print(`slot ${number}: the ${values.so ? 'SO' : 'user'} has a new PIN\n`);
    });
  },
};
