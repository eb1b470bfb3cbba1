/**
 * `strongroom hsm generate`.
 */
import type { ObjectHandle, Session, Template } from '../../hsm/index.ts';
import { oneOf, parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { UsageError } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { withProgress } from '../progress.ts';
import { USER_FLAGS, USER_HELP, withUser } from './device.ts';
import { KEY_KIND_NAMES, KEY_KINDS, type KeyMaking, type SizeValues } from './key-kinds.ts';
import { idBytes, USE_NAMES, USES, type Use } from './object-views.ts';

export const hsmGenerate: CommandLine = {
  help: `strongroom hsm generate KIND [FLAGS]: makes a key on the token and prints its CKA_UNIQUE_ID
Of a pair, that of the private key. KIND is
${KEY_KIND_NAMES.map((name) => `  ${name.padEnd(10)}${KEY_KINDS[name].summary}\n`).join('')}
  --bits N, --curve NAME   how large
  --label TEXT, --id HEX   CKA_LABEL and CKA_ID, of both keys of a pair
  --use USE[,USE...]  ${USE_NAMES.join(' ')}; of a pair, each key has those
                      it can have                                (what a key of the kind is usually for)
  --extractable       the key may leave the token wrapped. Without it, never
  --always-authenticate   the private key asks for the PIN each time it is used
${USER_HELP}\
  --json              JSON, in place of the CKA_UNIQUE_ID

Examples:
  strongroom hsm generate ec --curve P-256 --label signer --id 01
  strongroom hsm generate aes --use wrap,unwrap --label wrapper

${EXIT_CODES_HELP}`,
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      allowPositionals: true,
      options: {
        ...USER_FLAGS,
        bits: { type: 'string' },
        curve: { type: 'string' },
        label: { type: 'string' },
        id: { type: 'string' },
        use: { type: 'string' },
        extractable: { type: 'boolean' },
        'always-authenticate': { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
    const order = keyOrder(positionals, values);
    await withUser(values, true, async (session) => {
      const made = await withProgress(`making a key (${positionals[0]})`, () =>
        make(session, order),
      );
      if (values.json) printJson(made);
      else print(`${made.uniqueId}\n`);
    });
  },
};

export interface KeyOrderValues extends SizeValues {
  readonly label?: string | undefined;
  readonly id?: string | undefined;
  readonly use?: string | undefined;
  readonly extractable?: boolean | undefined;
  readonly 'always-authenticate'?: boolean | undefined;
}

/** A secret key has one template, a pair two. */
export type KeyOrder =
  | (Extract<KeyMaking, { template: Template }> & { readonly template: Template })
  | (Extract<KeyMaking, { publicTemplate: Template }> & { readonly privateTemplate: Template });

/** What a public and what a private key can be for. */
const PUBLIC_USES: readonly Use[] = ['encrypt', 'verify', 'wrap', 'derive'];
const PRIVATE_USES: readonly Use[] = ['decrypt', 'sign', 'unwrap', 'derive'];

/** What is to be made. @throws UsageError */
export function keyOrder(positionals: readonly string[], values: KeyOrderValues): KeyOrder {
  const [kind, ...more] = positionals;
  if (kind === undefined || more.length > 0)
    throw new UsageError(`hsm generate takes one kind: ${KEY_KIND_NAMES.join(', ')}`);
  const making = KEY_KINDS[oneOf('KIND', KEY_KIND_NAMES, kind)].making(values);
  const uses = values.use?.split(',').map((use) => oneOf('--use', USE_NAMES, use));
  const common: Template = {
    CKA_TOKEN: true,
    ...(values.label !== undefined && { CKA_LABEL: values.label }),
    ...(values.id !== undefined && { CKA_ID: idBytes(values.id) }),
  };
  const hidden: Template = {
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: values.extractable === true,
  };
  if ('template' in making) {
    if (values['always-authenticate'])
      throw new UsageError('--always-authenticate is for private keys');
    return {
      ...making,
      template: { ...common, ...hidden, ...making.template, ...usage(uses, USE_NAMES) },
    };
  }
  return {
    ...making,
    publicTemplate: { ...common, ...making.publicTemplate, ...usage(uses, PUBLIC_USES) },
    privateTemplate: {
      ...common,
      ...hidden,
      ...(values['always-authenticate'] && { CKA_ALWAYS_AUTHENTICATE: true }),
      ...usage(uses, PRIVATE_USES),
    },
  };
}

/** All uses said, so that the token adds none of its own; none said leaves them to the token. */
function usage(uses: readonly Use[] | undefined, possible: readonly Use[]): Template {
  if (uses === undefined) return {};
  return Object.fromEntries(possible.map((use) => [USES[use], uses.includes(use)]));
}

async function make(session: Session, order: KeyOrder): Promise<Made> {
  if ('template' in order)
    return {
      uniqueId: await uniqueId(session, await session.generateKey(order.mechanism, order.template)),
    };
  const pair = await session.generateKeyPair(
    order.mechanism,
    order.publicTemplate,
    order.privateTemplate,
  );
  return {
    uniqueId: await uniqueId(session, pair.privateKey),
    publicUniqueId: await uniqueId(session, pair.publicKey),
  };
}

interface Made {
  readonly uniqueId: string;
  readonly publicUniqueId?: string;
}

async function uniqueId(session: Session, key: ObjectHandle): Promise<string> {
  return (await session.getAttributes(key, ['CKA_UNIQUE_ID'])).CKA_UNIQUE_ID ?? '';
}
