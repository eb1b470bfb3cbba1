/** The commands of the admin plane. A command is a row: its name and what it does. */
import { type AdminArguments, AdminError } from './admin-protocol.ts';

export interface AdminCommand {
  readonly name: string;
  /** @returns what JSON can hold. @throws AdminError; any other error becomes FAILED with its message. */
  run(args: AdminArguments): unknown;
}

/** `status`: what the server says of itself. No arguments. */
export function statusCommand(report: () => unknown): AdminCommand {
  return {
    name: 'status',
    run(args) {
      refuseArguments(args);
      return report();
    },
  };
}

/** `metrics`: what is counted, as OpenMetrics text. No arguments. */
export function metricsCommand(text: () => Promise<string>): AdminCommand {
  return {
    name: 'metrics',
    run(args) {
      refuseArguments(args);
      return text();
    },
  };
}

/** `stop`: begins an orderly shutdown and answers at once; stop() is called after the answer is under way. */
export function stopCommand(stop: () => void): AdminCommand {
  return {
    name: 'stop',
    run(args) {
      refuseArguments(args);
      setImmediate(stop);
      return { stopping: true };
    },
  };
}

/** What moves the domain clock. Times are milliseconds. */
export interface MovableClock {
  show(): unknown;
  advance(ms: number): Promise<unknown>;
  set(toMs: number): Promise<unknown>;
  freeze(): Promise<unknown>;
  resume(): Promise<unknown>;
}

/**
 * `clock`: `{"action":"show"|"freeze"|"resume"}`, `{"action":"advance","ms":n}` or `{"action":"set","toMs":n}`. Answers
 * when what the move made due is done.
 */
export function clockCommand(clock: MovableClock): AdminCommand {
  return {
    name: 'clock',
    async run({ action, ...args }) {
      try {
        switch (action) {
          case 'show':
          case 'freeze':
          case 'resume':
            refuseArguments(args);
            return await clock[action]();
          case 'advance':
            return await clock.advance(onlyNumber(args, 'ms'));
          case 'set':
            return await clock.set(onlyNumber(args, 'toMs'));
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new AdminError('INVALID_ARGUMENTS', error.message, { cause: error });
      }
      const actions = 'show, advance, set, freeze, resume';
      throw new AdminError('INVALID_ARGUMENTS', `action is one of: ${actions}`);
    },
  };
}

/** `device`: `{"action":"reset"}`, as if its reset button was pushed: a fault, for tests. Answers when it is over. */
export function deviceCommand(device: { reset(): Promise<void> }): AdminCommand {
  return {
    name: 'device',
    async run({ action, ...others }) {
      refuseArguments(others);
      if (action !== 'reset') throw new AdminError('INVALID_ARGUMENTS', 'action is: reset');
      await device.reset();
    },
  };
}

/** `config-reload`: reads the declarative file again. Answers when every thread goes by it. No arguments. */
export function configReloadCommand(reload: () => Promise<unknown>): AdminCommand {
  return {
    name: 'config-reload',
    run(args) {
      refuseArguments(args);
      return reload();
    },
  };
}

/** `back-up`: `{"file":…}`, an absolute path where nothing is yet. Answers when it is complete. */
export function backUpCommand(backUp: (file: string) => Promise<unknown>): AdminCommand {
  return {
    name: 'back-up',
    run({ file, ...others }) {
      refuseArguments(others);
      return backUp(text(file, 'file'));
    },
  };
}

/** The ceremonies of domain keys. Regions undefined: all that are served. */
export interface DomainKeyCeremonies {
  status(regions: readonly string[] | undefined): Promise<unknown>;
  /** @param kind such as `seal`, or `all`. @throws RangeError for another one */
  rotate(regions: readonly string[] | undefined, kind: string, soPinFile: string): Promise<unknown>;
  /** @throws RangeError as rotate */
  retire(regions: readonly string[] | undefined, kind: string): Promise<unknown>;
}

/**
 * `domain`: `{"action":"status"}`, `{"action":"rotate","kind":…,"soPinFile":…}` or `{"action":"retire","kind":…}`, each with
 * `"region"` for one of them. `soPinFile` is a path: the PIN itself never travels. A rotation answers when the new keys
 * are active; key tokens follow.
 */
export function domainCommand(ceremonies: DomainKeyCeremonies): AdminCommand {
  return {
    name: 'domain',
    async run({ action, region, kind = 'all', soPinFile, ...others }) {
      refuseArguments(others);
      const regions = region === undefined ? undefined : [text(region, 'region')];
      try {
        switch (action) {
          case 'status':
            return await ceremonies.status(regions);
          case 'rotate':
            return await ceremonies.rotate(
              regions,
              text(kind, 'kind'),
              text(soPinFile, 'soPinFile'),
            );
          case 'retire':
            return await ceremonies.retire(regions, text(kind, 'kind'));
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new AdminError('INVALID_ARGUMENTS', error.message, { cause: error });
      }
      throw new AdminError('INVALID_ARGUMENTS', 'action is one of: status, rotate, retire');
    },
  };
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new AdminError('INVALID_ARGUMENTS', `${name} is a text`);
}

function onlyNumber(args: AdminArguments, name: string): number {
  const { [name]: value, ...others } = args;
  refuseArguments(others);
  if (typeof value !== 'number')
    throw new AdminError('INVALID_ARGUMENTS', `${name} is a number of milliseconds`);
  return value;
}

function refuseArguments(args: AdminArguments): void {
  const [name] = Object.keys(args);
  if (name !== undefined)
    throw new AdminError('INVALID_ARGUMENTS', `no argument ${JSON.stringify(name)}`);
}
