/**
 * A KMS service without HTTP, signatures or a device: requests name their account and Region in a header.
 */
import { rootPrincipal } from '../../src/access/principal.ts';
import { kmsException } from '../../src/api/exceptions.ts';
import type { ServiceHandler, ServiceResponse } from '../../src/api/transport.ts';
import {
  type AuditEvent,
  AuditUnavailableError,
  encodeAuditEvent,
} from '../../src/audit/audit-log.ts';
import { type RegionService, regionServices } from '../../src/kms/region-service.ts';
import { createKmsService, type Fault, type KmsServiceOptions } from '../../src/kms/service.ts';
import { FakeKeyStore } from './fake-key-store.ts';
import { FakeMetadataStore } from './fake-metadata-store.ts';

export const region = 'eu-central-1';
export const otherRegion = 'us-east-1';
export const accountId = '111122223333';
export const otherAccountId = '444455556666';
export const unknownKeyId = '1234abcd-12ab-34cd-56ef-1234567890ab';

export const rootArn = (account: string = accountId): string => `arn:aws:iam::${account}:root`;
export const arnOf = (keyId: string, account: string = accountId, of: string = region): string =>
  `arn:aws:kms:${of}:${account}:key/${keyId}`;

export interface CallOptions {
  readonly region?: string;
  readonly account?: string;
  /** False: the signature does not verify. */
  readonly signed?: boolean;
}

/** An answer: `body` is undefined when it was empty. */
export interface Reply {
  readonly response: ServiceResponse;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export class KmsHarness {
  readonly keyStores = { [region]: new FakeKeyStore(), [otherRegion]: new FakeKeyStore() };
  readonly store = new FakeMetadataStore();
  /** Events, as a log has them, of requests without a change; those of changes are in store.audit. */
  readonly events: AuditEvent[] = [];
  readonly faults: Fault[] = [];
  auditFails = false;
  nowMs = Date.UTC(2026, 10, 23, 12, 0, 0, 250);
  readonly handler: ServiceHandler;
  readonly services: ReadonlyMap<string, RegionService>;

  constructor(options: Pick<KmsServiceOptions, 'serverTiming'> = {}) {
    const { store } = this;
    this.services = regionServices(
      new Map(
        Object.entries(this.keyStores).map(([name, keyStore]) => [
          name,
          { keyStore, mac: keyStore.mac, store },
        ]),
      ),
    );
    this.handler = createKmsService({
      ...options,
      authenticate: ({ headers }) => {
        const {
          account = accountId,
          region: of = region,
          signed,
        } = JSON.parse(headers['x-caller'] ?? '{}');
        if (signed === false) throw kmsException('InvalidSignatureException', 'wrong signature');
        const principal = rootPrincipal(account, 'AKIATEST');
        return { principal, region: of };
      },
      regions: this.services,
      audit: {
        append: async (event) => {
          if (this.auditFails) throw new AuditUnavailableError('disk full');
          this.events.push(JSON.parse(encodeAuditEvent(event)));
        },
      },
      wallClock: { nowMs: () => this.nowMs },
      domainClock: { nowMs: () => this.nowMs },
      onFault: (fault) => this.faults.push(fault),
    });
  }

  get keyStore(): FakeKeyStore {
    return this.keyStores[region];
  }

  async send(
    operation: string,
    body: string | Uint8Array,
    options: CallOptions = {},
  ): Promise<Reply> {
    const response = await this.handler({
      method: 'POST',
      url: '/',
      headers: {
        'x-amz-target': `TrentService.${operation}`,
        'x-caller': JSON.stringify(options),
        'user-agent': 'test/1',
      },
      rawHeaders: [],
      body: Buffer.from(body),
      sourceAddress: '127.0.0.1',
    });
    return { response, body: response.body === '' ? undefined : JSON.parse(response.body) };
  }

  call(operation: string, input: object = {}, options: CallOptions = {}): Promise<Reply> {
    return this.send(operation, JSON.stringify(input), options);
  }

  /** @returns the body of an answer that must be a success */
  async ok(
    operation: string,
    input: object = {},
    options: CallOptions = {},
  ): Promise<Reply['body']> {
    const { response, body } = await this.call(operation, input, options);
    if (response.status !== 200)
      throw new Error(`${operation}: ${response.status} ${response.body}`);
    return body;
  }

  /** @returns name and message of an error, and status where it is not 400 */
  async error(operation: string, input: object = {}, options: CallOptions = {}): Promise<string> {
    const { response, body } = await this.call(operation, input, options);
    if (response.status === 200) throw new Error(`${operation} succeeded`);
    const status = response.status === 400 ? '' : `${response.status} `;
    return `${status}${body.__type}${body.message === undefined ? '' : `: ${body.message}`}`;
  }

  /** @returns the new key's id */
  async createKey(input: object = {}, options: CallOptions = {}): Promise<string> {
    return (await this.ok('CreateKey', input, options)).KeyMetadata.KeyId;
  }

  /** Records of the keys table, by key id. */
  record(keyId: string) {
    const name = [...this.store.records.keys()].find(
      (key) => key.startsWith('keys/') && key.endsWith(keyId),
    );
    const record = name === undefined ? undefined : this.store.records.get(name);
    if (name === undefined || record === undefined) throw new Error(`no record of ${keyId}`);
    return { name, record };
  }
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');
