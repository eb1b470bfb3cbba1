/**
 * `strongroom hsm mechanisms`.
 */
import { CKF, CKM, type MechanismInfo, type MechanismName, type Slot } from '../../hsm/index.ts';
import { openDevice } from '../../link/in-process.ts';
import { parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { CommandError } from '../exit.ts';
import { print, printJson, table } from '../output.ts';
import { missingMechanisms } from './missing-mechanisms.ts';

export const hsmMechanisms: CommandLine = {
  help: `strongroom hsm mechanisms [FLAGS]: what the token can do, and what it lacks
Missing are those of PKCS#11 3.2 that people look for.
Key sizes are in the mechanism's own unit: bytes of AES keys and secrets, bits of the others.

  --json              JSON: mechanisms and missing

Examples:
  strongroom hsm mechanisms
  strongroom hsm mechanisms --json | jq -r '.mechanisms[] | select(.functions | index("wrap")) | .name'

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values } = parseCommandLine(argv, { options: { json: { type: 'boolean' } } });
    // Every token has the same, so one in memory tells.
    await using device = await openDevice({ flashDirectory: null, slotCount: 1, create: true });
    const [slot] = await device.slots();
    if (slot === undefined) throw new CommandError('the device has no slot');
    const rows = await readMechanisms(slot);
    const missing = missingMechanisms(rows.map(({ name }) => name));
    if (values.json) printJson({ mechanisms: rows.map(mechanismView), missing });
    else print(`${mechanismTable(rows)}\nmissing\n${missingTable(missing)}`);
  },
};

export interface MechanismRow {
  readonly name: MechanismName | number;
  readonly info: MechanismInfo;
}

async function readMechanisms(slot: Slot): Promise<MechanismRow[]> {
  const names = await slot.mechanisms();
  return Promise.all(names.map(async (name) => ({ name, info: await slot.mechanismInfo(name) })));
}

/** Functions by their CKF_* bit, in PKCS#11's order. */
const FUNCTIONS = [
  ...(['CKF_MESSAGE_ENCRYPT', 'CKF_MESSAGE_DECRYPT', 'CKF_MESSAGE_SIGN'] as const),
  ...(['CKF_MESSAGE_VERIFY', 'CKF_ENCRYPT', 'CKF_DECRYPT', 'CKF_DIGEST', 'CKF_SIGN'] as const),
  ...(['CKF_SIGN_RECOVER', 'CKF_VERIFY', 'CKF_VERIFY_RECOVER', 'CKF_GENERATE'] as const),
  ...(['CKF_GENERATE_KEY_PAIR', 'CKF_WRAP', 'CKF_UNWRAP', 'CKF_DERIVE'] as const),
];

function functionsOf(flags: number): string[] {
  return FUNCTIONS.filter((name) => (flags & CKF[name]) !== 0).map((name) =>
    name.slice('CKF_'.length).toLowerCase().replaceAll('_', '-'),
  );
}

const hex = (number: number): string => `0x${number.toString(16).padStart(8, '0')}`;

export function mechanismView({ name, info }: MechanismRow): object {
  return {
    name: typeof name === 'number' ? hex(name) : name,
    number: hex(typeof name === 'number' ? name : CKM[name]),
    minKeySize: info.minKeySize,
    maxKeySize: info.maxKeySize,
    functions: functionsOf(info.flags),
  };
}

export function mechanismTable(rows: readonly MechanismRow[]): string {
  const cells = rows.map(({ name, info: { minKeySize, maxKeySize, flags } }) => {
    const sizes = minKeySize === maxKeySize ? `${minKeySize}` : `${minKeySize} to ${maxKeySize}`;
    const number = hex(typeof name === 'number' ? name : CKM[name]);
    // The last column of a table is cut, and this one is not to be.
    return [String(name), number, maxKeySize === 0 ? '' : sizes, functionsOf(flags).join(' '), ''];
  });
  return table(['MECHANISM', 'NUMBER', 'KEY SIZES', 'FUNCTIONS', ''], cells);
}

function missingTable(missing: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(missing)
    .map(([purpose, names]) => `  ${purpose}\n${names.map((name) => `    ${name}\n`).join('')}`)
    .join('');
}
