/**
 * Debian's AWS CLI (/usr/bin/aws) against a started server: `aws kms COMMAND ARGUMENTS`.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StartedServer } from '../../src/testing/start-server.ts';

const run = promisify(execFile);

export const awsCliPath = '/usr/bin/aws';

export class AwsCli {
  /** Commands that were answered. */
  readonly answered = new Set<string>();
  readonly #server: StartedServer;
  readonly #folder: string;

  /** @param folder its home, and where arguments that are bytes lie */
  constructor(server: StartedServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** Bytes as an argument. */
  bytes(bytes: Uint8Array | string): string {
    const path = join(this.#folder, randomUUID());
    writeFileSync(path, bytes);
    return `fileb://${path}`;
  }

  /** A blob of an answer, which is base64, as an argument. */
  blob(base64: string): string {
    return this.bytes(Buffer.from(base64, 'base64'));
  }

  /** @returns its output as JSON, undefined when there is none */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async ok(command: string, ...args: readonly string[]): Promise<any> {
    const { stdout } = await run(
      awsCliPath,
      [
        ...['kms', command, ...args, '--output', 'json'],
        ...['--region', this.#server.region, '--endpoint-url', this.#server.endpoint],
      ],
      {
        env: {
          PATH: '/usr/bin:/bin',
          HOME: this.#folder,
          AWS_ACCESS_KEY_ID: this.#server.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: this.#server.credentials.secretAccessKey,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_MAX_ATTEMPTS: '1',
        },
        timeout: 60_000,
      },
    );
    this.answered.add(command);
    return stdout === '' ? undefined : JSON.parse(stdout);
  }

  /** @returns what it wrote to standard error. @throws Error when it was not refused */
  async refused(command: string, ...args: readonly string[]): Promise<string> {
    try {
      await this.ok(command, ...args);
    } catch (error) {
      return (error as { stderr: string }).stderr.trim();
    }
    throw new Error(`${command} was not refused`);
  }
}

/** GenerateDataKey -> generate-data-key */
export const commandOf = (operation: string): string =>
  operation.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
