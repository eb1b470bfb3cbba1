/**
 * The `strongroom` command: one table of commands, one place where trouble becomes an exit code.
 */
import type { ClockAction } from './clock.ts';
import { type Commands, dispatch } from './command.ts';
import { CommandError, EXIT } from './exit.ts';

const KEYS: Commands = {
  list: {
    summary: 'the KMS keys of an account in a Region',
    load: async () => (await import('./keys/list.ts')).keysList,
  },
  show: {
    summary: 'one KMS key: metadata, aliases, tags, public key',
    load: async () => (await import('./keys/show.ts')).keysShow,
  },
  create: {
    summary: 'make a KMS key',
    load: async () => (await import('./keys/create.ts')).keysCreate,
  },
  alias: {
    summary: 'list, make, move or delete aliases',
    load: async () => (await import('./keys/alias.ts')).keysAlias,
  },
};

const clockAction = (action: ClockAction, summary: string): Commands[string] => ({
  summary,
  load: async () => (await import('./clock.ts')).clockCommandLine(action),
});

const CLOCK: Commands = {
  show: clockAction('show', 'what it shows, beside the machine’s clock'),
  advance: clockAction('advance', 'move it forward, and do what is due then'),
  set: clockAction('set', 'move it forward to a moment'),
  freeze: clockAction('freeze', 'let it stand still'),
  resume: clockAction('resume', 'let it go on from where it stands'),
};

const PIN: Commands = {
  set: {
    summary: 'as SO, give the user the first PIN',
    load: async () => (await import('./hsm/pin.ts')).hsmPinSet,
  },
  change: {
    summary: "change the user's PIN or the SO's",
    load: async () => (await import('./hsm/pin.ts')).hsmPinChange,
  },
  unlock: {
    summary: 'as SO, give the user a new PIN for one that is locked or lost',
    load: async () => (await import('./hsm/pin.ts')).hsmPinUnlock,
  },
};

const DOMAIN: Commands = {
  status: {
    summary: 'domain keys of a running service, and how far their key tokens are',
    load: async () => (await import('./hsm/domain.ts')).domainCommandLine('status'),
  },
  rotate: {
    summary: 'make new domain keys active; key tokens follow',
    load: async () => (await import('./hsm/domain.ts')).domainCommandLine('rotate'),
  },
  retire: {
    summary: 'destroy retired domain keys that nothing is under',
    load: async () => (await import('./hsm/domain.ts')).domainCommandLine('retire'),
  },
};

const ROOT_PASSPHRASE: Commands = {
  set: {
    summary: "seal a device's root secret under a passphrase, or another one",
    load: async () => (await import('./hsm/root-passphrase.ts')).rootPassphraseCommandLine('set'),
  },
  remove: {
    summary: 'leave the root secret in its file as it is',
    load: async () =>
      (await import('./hsm/root-passphrase.ts')).rootPassphraseCommandLine('remove'),
  },
};

const HSM: Commands = {
  slots: {
    summary: 'slots, their tokens and the state of their PINs',
    load: async () => (await import('./hsm/slots.ts')).hsmSlots,
  },
  init: {
    summary: 'make a token, and the device where there is none',
    load: async () => (await import('./hsm/init.ts')).hsmInit,
  },
  pin: { summary: 'set, change and unlock PINs', commands: PIN },
  objects: {
    summary: 'keys, certificates and data on a token',
    load: async () => (await import('./hsm/objects.ts')).hsmObjects,
  },
  generate: {
    summary: 'make a key on a token',
    load: async () => (await import('./hsm/generate.ts')).hsmGenerate,
  },
  import: {
    summary: 'put a certificate on a token',
    commands: {
      certificate: {
        summary: 'an X.509 certificate, PEM or DER',
        load: async () => (await import('./hsm/import-certificate.ts')).hsmImportCertificate,
      },
    },
  },
  root: {
    summary: "the device's root secret",
    commands: {
      passphrase: { summary: 'what it is sealed under', commands: ROOT_PASSPHRASE },
    },
  },
  delete: {
    summary: 'destroy an object',
    load: async () => (await import('./hsm/delete.ts')).hsmDelete,
  },
  mechanisms: {
    summary: 'what the token can do, and what it lacks',
    load: async () => (await import('./hsm/mechanisms.ts')).hsmMechanisms,
  },
  'self-test': {
    summary: "run the token's self-tests",
    load: async () => (await import('./hsm/self-test.ts')).hsmSelfTest,
  },
  'module-path': {
    summary: 'where the PKCS#11 module for other programs is',
    load: async () => (await import('./hsm/module-path.ts')).hsmModulePath,
  },
  domain: { summary: 'rotate the domain keys of a running service', commands: DOMAIN },
};

const RELOAD = 'have a running service read its file again';

const CONFIG: Commands = {
  check: {
    summary: 'say what is wrong in a declarative file, and where',
    load: async () => (await import('./config.ts')).configCheck,
  },
  reload: {
    summary: RELOAD,
    load: async () =>
      (await import('./admin-command.ts')).adminCommand('config-reload', RELOAD, 'config reload'),
  },
  schema: {
    summary: 'print the JSON Schema of the declarative file',
    load: async () => (await import('./config.ts')).configSchemaCommand,
  },
};

const STATUS = 'what a running service says of itself';
const METRICS = 'what a running service counts, as OpenMetrics text';
const STOP = 'stop a running service after its requests in flight';

const COMMANDS: Commands = {
  serve: {
    summary: 'start the key management service',
    load: async () => (await import('./serve/serve.ts')).serveCommand,
  },
  status: {
    summary: STATUS,
    load: async () => (await import('./admin-command.ts')).adminCommand('status', STATUS),
  },
  metrics: {
    summary: METRICS,
    load: async () => (await import('./admin-command.ts')).adminCommand('metrics', METRICS),
  },
  stop: {
    summary: STOP,
    load: async () => (await import('./admin-command.ts')).adminCommand('stop', STOP),
  },
  clock: { summary: 'show and move the clock of key life', commands: CLOCK },
  config: { summary: 'accounts, users and roles of a file: check it, reload it', commands: CONFIG },
  keys: { summary: 'list, show, make and name KMS keys', commands: KEYS },
  hsm: { summary: 'tokens of PKCS#11 programs: make, look into and change them', commands: HSM },
  backup: {
    summary: 'back up a running service, sealed for its recovery secret',
    load: async () => (await import('./backup.ts')).backupCommand,
  },
  restore: {
    summary: 'make a data directory from a back-up',
    load: async () => (await import('./backup.ts')).restoreCommand,
  },
  recovery: {
    summary: 'the secret that opens back-ups',
    commands: {
      create: {
        summary: 'make it, and hand it over once',
        load: async () => (await import('./backup.ts')).recoveryCreateCommand,
      },
    },
  },
  credentials: {
    summary: 'print the access key of a data directory: a secret',
    load: async () => (await import('./credentials.ts')).credentials,
  },
  doctor: {
    summary: 'find out what is wrong: toolchain, files, device, store, clock, port',
    load: async () => (await import('./doctor/doctor.ts')).doctor,
  },
};

/** Runs one command line; sets process.exitCode and never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await dispatch(
      ['strongroom'],
      COMMANDS,
      argv[0] === 'help' ? argv.slice(1).concat('--help') : argv,
    );
  } catch (error) {
    if (error instanceof CommandError) {
      process.stderr.write(`strongroom: ${error.message}\n`);
      process.exitCode = error.exitCode;
    } else {
      process.stderr.write(
        `strongroom: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      process.exitCode = EXIT.failure;
    }
  }
}
