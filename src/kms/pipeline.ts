/**
 * The way of one request: authenticate, parse, validate, resolve the key, authorize, check its state, run,
 * audit. The order lives here (`process`) and in service.ts, which does the audit, and nowhere else.
 *
 * Each stage takes what the stage before returned and returns a narrower type. The types cannot be made
 * elsewhere, and an operation's `run` takes only the last: a way around authorization does not compile.
 */
import type { KeyUsageType } from '@aws-sdk/client-kms';
import type { Authenticator, Principal } from '../access/principal.ts';
import { kmsException } from '../api/exceptions.ts';
import { checkKeyState } from '../api/key-states.ts';
import { type Input, type OperationName, parseInput } from '../api/operations.ts';
import type { ServiceRequest } from '../api/transport.ts';
import type { Clock } from '../clock/clock.ts';
import type { KeyStore } from '../keystore/key-store.ts';
import type { BlobSource } from './ciphertext-blob.ts';
import { type KeyName, keyNotFound, parseKeyName } from './keys/key-arn.ts';
import type { KmsKey } from './keys/key-record.ts';
import type { KeyRepository } from './keys/key-repository.ts';
import type { Operation } from './operation.ts';
import type { RequestTrail } from './request-trail.ts';
import type { StageTimer } from './stage-timer.ts';

/** What serves one Region. */
export interface RegionService {
  readonly region: string;
  readonly keys: KeyRepository;
  readonly keyStore: KeyStore;
}

export interface PipelineOptions {
  readonly authenticate: Authenticator;
  readonly regions: ReadonlyMap<string, RegionService>;
  readonly operations: ReadonlyMap<string, Operation>;
  /** Dates of keys. */
  readonly domainClock: Clock;
}

declare const stage: unique symbol;
interface Stage<Name extends string> {
  readonly [stage]: Name;
}

interface Caller {
  readonly request: ServiceRequest;
  readonly principal: Principal;
  readonly service: RegionService;
  readonly trail: RequestTrail;
}
export interface Authenticated extends Caller, Stage<'authenticated'> {}

interface Parsed<Name extends OperationName, Prepared> extends Caller {
  readonly operation: Operation<Name>;
  readonly input: Input<Name>;
  readonly prepared: Prepared;
}
export interface Validated<Name extends OperationName, Prepared>
  extends Parsed<Name, Prepared>,
    Stage<'validated'> {}

interface Located<Name extends OperationName, Prepared> extends Parsed<Name, Prepared> {
  /** Absent: the operation works on no particular key. */
  readonly keyName: KeyName | undefined;
  /** Absent also for a key of another account, which is not looked up. */
  readonly found: KmsKey | undefined;
  /** What the ciphertext, if any, says of its key. */
  readonly source: BlobSource | undefined;
}
export interface Resolved<Name extends OperationName, Prepared>
  extends Located<Name, Prepared>,
    Stage<'resolved'> {}
export interface Authorized<Name extends OperationName, Prepared>
  extends Located<Name, Prepared>,
    Stage<'authorized'> {}

/** A key for operations that have a KeyId, nothing for the others. */
type KeyOf<Name extends OperationName> = 'KeyId' extends keyof Input<Name> ? KmsKey : undefined;

export interface Ready<Name extends OperationName, Prepared> extends Stage<'ready'> {
  readonly input: Input<Name>;
  readonly prepared: Prepared;
  readonly key: KeyOf<Name>;
  readonly keys: KeyRepository;
  readonly keyStore: KeyStore;
  readonly accountId: string;
  readonly region: string;
  /** domainClock. */
  readonly nowMs: number;
  /** The key as it is now, if it may still be used so: for a change that another one overtook. */
  reread(): Promise<KmsKey>;
  /**
   * Makes a change durable together with its audit event, which `change` puts into its transaction.
   * @param success what the event says of the success
   */
  commit<T>(success: Success, change: (auditEvent: string) => Promise<T>): Promise<T>;
}

export interface Success {
  /** What the caller is answered, by API member name. */
  readonly responseElements: Readonly<Record<string, unknown>>;
  /** ARNs of the keys concerned, where they are not those the request named. */
  readonly resources?: readonly string[];
}

const targetPrefix = 'TrentService.';

export class Pipeline {
  readonly #options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /**
   * @returns what the operation answers
   * @throws KmsException for every refusal; anything else is a fault of this service
   */
  async process(
    request: ServiceRequest,
    trail: RequestTrail,
    timer: StageTimer | undefined,
  ): Promise<object | undefined> {
    const authenticated = this.#authenticate(request, trail);
    timer?.ended('authenticate');
    const validated = this.#validate(authenticated);
    timer?.ended('validate');
    const resolved = await this.#resolve(validated);
    timer?.ended('resolve');
    const authorized = this.#authorize(resolved);
    const ready = this.#checkState(authorized);
    timer?.ended('authorize');
    const output = await validated.operation.run(ready);
    timer?.ended('run');
    return output;
  }

  #authenticate(request: ServiceRequest, trail: RequestTrail): Authenticated {
    const { principal, region } = this.#options.authenticate(request);
    trail.principal = principal;
    trail.region = region;
    const service = this.#options.regions.get(region);
    if (service === undefined) throw new Error(`the authenticator let Region ${region} through`);
    return pass<Authenticated>({ request, trail, principal, service });
  }

  #validate(caller: Authenticated): Validated<OperationName, unknown> {
    const target = caller.request.headers['x-amz-target'];
    const operation = target?.startsWith(targetPrefix)
      ? this.#options.operations.get(target.slice(targetPrefix.length))
      : undefined;
    if (operation === undefined) throw kmsException('UnknownOperationException');
    caller.trail.operation = operation;
    const input = parseInput(operation.name, caller.request.body);
    caller.trail.input = input;
    const prepared: unknown = operation.prepare(input);
    return pass<Validated<OperationName, unknown>>({ ...caller, operation, input, prepared });
  }

  async #resolve<N extends OperationName, P>(request: Validated<N, P>): Promise<Resolved<N, P>> {
    const { operation, input, prepared, principal, service, trail } = request;
    const { key: selector } = operation;
    if (selector === undefined)
      return pass<Resolved<N, P>>({
        ...request,
        keyName: undefined,
        found: undefined,
        source: undefined,
      });

    const { region } = service;
    const source = selector.fromCiphertext?.(prepared);
    const { KeyId: keyId } = input as { readonly KeyId?: string };
    const caller = { region, accountId: principal.accountId };
    const keyName =
      keyId === undefined ? source : parseKeyName(keyId, caller, { alias: selector.alias });
    if (keyName === undefined) throw new Error(`${operation.name} names no key`);
    const isOwn = keyName.accountId === principal.accountId;
    const known = isOwn ? service.keys.find(keyName.accountId, keyName.keyId) : undefined;
    // Without a turn of the microtask queue where the key is at hand: here for nearly every request.
    const found = known instanceof Promise ? await known : known;
    if (found !== undefined) trail.resources = [found.arn];
    // Of a key named by the caller AWS says that it is not there; of one named by a ciphertext it does not.
    else if (isOwn && keyId !== undefined) throw keyNotFound(region, keyName);
    return pass<Resolved<N, P>>({ ...request, keyName, found, source });
  }

  /**
   * The account's root may do everything with the account's keys, and nothing with others'. A refusal does
   * not tell whether the key exists.
   */
  #authorize<N extends OperationName, P>(request: Resolved<N, P>): Authorized<N, P> {
    const { operation, input, keyName, found, principal } = request;
    if (keyName !== undefined && found === undefined) {
      const { KeyId: keyId } = input as { readonly KeyId?: string };
      throw kmsException(
        'AccessDeniedException',
        keyId === undefined
          ? 'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.'
          : `User: ${principal.arn} is not authorized to perform: ${operation.action} on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`,
      );
    }
    // There are no grants, so there is no token of one.
    const { GrantTokens: tokens } = input as { readonly GrantTokens?: readonly string[] };
    if (tokens !== undefined && tokens.length > 0) throw kmsException('InvalidGrantTokenException');
    return pass<Authorized<N, P>>(request);
  }

  #checkState<N extends OperationName, P>(request: Authorized<N, P>): Ready<N, P> {
    const { operation, input, prepared, found, source, service, trail } = request;
    const usage = operation.key?.usage;
    if (found !== undefined) {
      const foreign =
        source !== undefined &&
        (source.keyId !== found.keyId || source.accountId !== found.accountId);
      if (foreign)
        throw kmsException(
          'IncorrectKeyException',
          'The key ID in the request does not identify a CMK that can perform this operation.',
        );
      checkKey(operation.name, usage, found);
      operation.check?.(input, found);
    }
    const { DryRun: dryRun } = input as { readonly DryRun?: boolean };
    if (dryRun === true)
      throw kmsException(
        'DryRunOperationException',
        'The request would have succeeded, but the DryRun option is set.',
      );
    return pass<Ready<N, P>>({
      input,
      prepared,
      key: found as KeyOf<N>,
      keys: service.keys,
      keyStore: service.keyStore,
      accountId: request.principal.accountId,
      region: service.region,
      nowMs: this.#options.domainClock.nowMs(),
      async reread() {
        if (found === undefined) throw new Error(`${operation.name} has no key`);
        const key = await service.keys.find(found.accountId, found.keyId);
        if (key === undefined) throw keyNotFound(service.region, found);
        checkKey(operation.name, usage, key);
        return key;
      },
      async commit({ responseElements, resources = trail.resources }, change) {
        trail.resources = resources;
        const result = await change(trail.encodeEvent({ responseElements }));
        trail.recorded = true;
        return result;
      },
    });
  }
}

/** Whether a key may be used so, by its state and its usage; the state comes first. */
function checkKey(operation: OperationName, usage: KeyUsageType | undefined, key: KmsKey): void {
  checkKeyState(operation, key);
  if (usage !== undefined && key.keyUsage !== usage)
    throw kmsException(
      'InvalidKeyUsageException',
      `${key.arn} key usage is ${key.keyUsage} which is not valid for ${operation}.`,
    );
}

/** The only way to the next stage. Not exported. */
function pass<Next>(value: Omit<Next, typeof stage>): Next {
  return value as Next;
}
