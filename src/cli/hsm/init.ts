/**
 * `strongroom hsm init`.
 */
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError, UsageError } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import {
  chooseSlot,
  DEVICE_HELP,
  type NumberedSlot,
  numberedSlots,
  SLOT_FLAGS,
  withDevice,
} from './device.ts';
import { hasPin, PIN_FLAGS, PIN_HELP, PINS, readPin } from './pin-source.ts';

const LABEL_BYTES_MAX = 32;

export const hsmInit: CommandLine = {
  help: `strongroom hsm init LABEL [FLAGS]: makes a token with this label, and the device where there is none
The SO (security officer) PIN is the token's from then on. With a new user PIN at hand the user gets it, too;
else strongroom hsm pin set gives one.

${DEVICE_HELP}\
  --slot N            the slot, as PKCS#11 programs number it    (the first one without a token)
  --token LABEL       the slot whose token has this label
${PIN_HELP.so}\
  --new-pin-file FILE the user's PIN                             (STRONGROOM_NEW_PIN, else none)
  --erase             destroy a token that there is, with all its objects; its SO PIN is needed
  --json              the slot as JSON

Examples:
  strongroom hsm init my-token
  strongroom hsm init my-token --directory ./token --so-pin-file so-pin --new-pin-file user-pin

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: {
        ...SLOT_FLAGS,
        'so-pin-file': PIN_FLAGS['so-pin-file'],
        'new-pin-file': PIN_FLAGS['new-pin-file'],
        erase: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
    const label = tokenLabel(positionals);
    await withDevice(values, true, async (device) => {
      const { slot, number, token } = emptySlot(await numberedSlots(device), values);
      using so = await readPin(token.initialized ? PINS.so : PINS.firstSo, values);
      await withProgress('making the token', () => slot.initToken(so.bytes, label));
      const withUser = hasPin(PINS.newUser, values);
      if (withUser) {
        using user = await readPin(PINS.newUser, values);
        await using session = await slot.openSession({ readWrite: true });
        await session.login('so', so.bytes);
        await session.initPin(user.bytes);
      }
      const { serialNumber } = await slot.tokenInfo();
      if (values.json) printJson({ slot: number, label, serialNumber, userPin: withUser });
      else print(`slot ${number}: token ${label}, serial ${serialNumber}\n`);
    });
  },
};

/** @throws UsageError */
export function tokenLabel(positionals: readonly string[]): string {
  const [label, ...more] = positionals;
  if (label === undefined || more.length > 0)
    throw new UsageError('hsm init takes one label: hsm init LABEL');
  const length = Buffer.byteLength(label);
  if (length < 1 || length > LABEL_BYTES_MAX)
    throw new UsageError(`a token's label has 1 to ${LABEL_BYTES_MAX} bytes`);
  return label;
}

/** The slot to make a token in. @throws CommandError, UsageError */
export function emptySlot(
  slots: readonly NumberedSlot[],
  values: {
    readonly slot?: string | undefined;
    readonly token?: string | undefined;
    readonly erase?: boolean | undefined;
  },
): NumberedSlot {
  const named = values.slot !== undefined || values.token !== undefined || values.erase === true;
  const empty = slots.find(({ token }) => !token.initialized);
  const chosen = named ? chooseSlot(slots, values) : empty;
  if (chosen === undefined)
    throw new CommandError('every slot has a token; --erase with --slot or --token destroys one');
  if (chosen.token.initialized && values.erase !== true) {
    throw new CommandError(
      `slot ${chosen.number} has token ${chosen.token.label}; --erase destroys it with all its objects`,
    );
  }
  return chosen;
}
