/**
 * libstrongroom-pkcs11.so for tests: built on first use, and a token of one's own to load it on. Needs CMake, a compiler and
 * a static libcrypto; a machine without them reports the suites unavailable.
 */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './files.ts';
import { describeUnless, toolReason } from './tools.ts';

const run = promisify(execFile);

export const buildDirectory: string = join(root, 'build-pkcs11');
export const modulePath: string = join(buildDirectory, 'libstrongroom-pkcs11.so');
export const soPin = '12345678';
export const userPin = '123456';
export const tokenLabel = 'strongroom test';

/** What scripts/build-pkcs11.mjs ends with when the machine cannot build. */
const unavailableExitCode = 77;

/** Builds the library, or says why it cannot be built here. Throws when it should build and does not. */
export function whyNoModule(): string | undefined {
  const built = spawnSync(process.execPath, ['scripts/build-pkcs11.mjs'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (built.status === 0) return undefined;
  if (built.status === unavailableExitCode) return built.stderr.trim();
  throw new Error(`build-pkcs11.mjs ended ${built.status}\n${built.stdout}${built.stderr}`);
}

/** Declares a suite of a client of the library: `tools` are [absolute path, Debian package]. */
export function describeClient(
  name: string,
  tools: readonly (readonly [path: string, debianPackage: string])[],
  body: () => void,
): void {
  const missing = tools.map(([path, debianPackage]) => toolReason(path, debianPackage));
  describeUnless(missing.find((reason) => reason !== undefined) ?? whyNoModule(), name, body);
}

/** A program run with the library's token in `directory`, and with nothing of the user's own configuration. */
export class Client {
  readonly environment: Record<string, string>;

  constructor(directory: string) {
    this.environment = {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      HOME: directory,
      STRONGROOM_TOKEN_DIR: join(directory, 'token'),
    };
  }

  /** Resolves to what it printed, standard error after standard output. Rejects unless it ended 0. */
  async run(program: string, ...parameters: string[]): Promise<string> {
    const { stdout, stderr } = await run(program, parameters, {
      env: this.environment,
      cwd: this.environment.HOME,
      timeout: 60_000,
    });
    return stdout + stderr;
  }

  /** Like run, for a program that is expected to fail: its exit code and what it printed. */
  async fail(program: string, ...parameters: string[]): Promise<{ code: number; text: string }> {
    try {
      const text = await this.run(program, ...parameters);
      return { code: 0, text };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, text: stdout + stderr };
    }
  }

  /** An initialised token with its user's PIN, made with pkcs11-tool as a user would. */
  async makeToken(): Promise<void> {
    const tool = ['--module', modulePath, '--so-pin', soPin];
    await this.run('pkcs11-tool', ...tool, '--init-token', '--label', tokenLabel);
    await this.run(
      'pkcs11-tool',
      ...[...tool, '--login', '--login-type', 'so', '--init-pin', '--pin', userPin],
    );
  }
}
