/**
 * `strongroom hsm slots`.
 */
import { CKF } from '../../hsm/index.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { print, printJson, table } from '../output.ts';
import {
  DEVICE_FLAGS,
  DEVICE_HELP,
  type NumberedSlot,
  numberedSlots,
  withDevice,
} from './device.ts';

export const hsmSlots: CommandLine = {
  help: `strongroom hsm slots [FLAGS]: the slots of the device, and the token in each

${DEVICE_HELP}\
  --json              JSON, with PKCS#11's names of the token's flags

Examples:
  strongroom hsm slots
  strongroom hsm slots --json | jq -r '.slots[] | select(.flags | index("CKF_USER_PIN_LOCKED")) | .slot'

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, {
      options: { ...DEVICE_FLAGS, json: { type: 'boolean' } },
    });
    await withDevice(values, false, async (device, { directory }) => {
      const slots = await numberedSlots(device);
      if (values.json) printJson({ directory, slots: slots.map(slotView) });
      else print(slotTable(slots));
    });
  },
};

/** CKF_* of CK_TOKEN_INFO that `slots` speaks of. */
const TOKEN_FLAGS = [
  ...['CKF_TOKEN_INITIALIZED', 'CKF_USER_PIN_INITIALIZED', 'CKF_ERROR_STATE'],
  ...['CKF_USER_PIN_COUNT_LOW', 'CKF_USER_PIN_FINAL_TRY', 'CKF_USER_PIN_LOCKED'],
  ...['CKF_SO_PIN_COUNT_LOW', 'CKF_SO_PIN_FINAL_TRY', 'CKF_SO_PIN_LOCKED'],
] as readonly (keyof typeof CKF)[];

export function slotView({ number, token }: Pick<NumberedSlot, 'number' | 'token'>): object {
  const { label, serialNumber, model, flags, maxSessionCount, maxRwSessionCount } = token;
  return {
    slot: number,
    label,
    serialNumber,
    model,
    flags: TOKEN_FLAGS.filter((name) => (flags & CKF[name]) !== 0),
    maxSessionCount,
    maxRwSessionCount,
  };
}

/** For people: one line a slot. */
export function slotTable(slots: readonly Pick<NumberedSlot, 'number' | 'token'>[]): string {
  const rows = slots.map(({ number, token }) => [
    String(number),
    token.serialNumber,
    token.initialized ? pinState(token.flags, 'USER') : '',
    token.initialized ? pinState(token.flags, 'SO') : '',
    token.initialized ? token.label : '(not initialized)',
  ]);
  return table(['SLOT', 'SERIAL', 'USER PIN', 'SO PIN', 'LABEL'], rows);
}

/** What the token's flags say of a PIN. */
export function pinState(flags: number, who: 'USER' | 'SO'): string {
  const has = (name: keyof typeof CKF): boolean => (flags & CKF[name]) !== 0;
  if (who === 'USER' && !has('CKF_USER_PIN_INITIALIZED')) return 'none yet';
  if (has(`CKF_${who}_PIN_LOCKED`)) return 'locked';
  if (has(`CKF_${who}_PIN_FINAL_TRY`)) return 'one try left';
  return has(`CKF_${who}_PIN_COUNT_LOW`) ? 'tried wrongly' : 'set';
}
