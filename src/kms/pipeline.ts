/**
 * The way of one request: authenticate, parse, validate, resolve the key, authorize, check its state, run,
 * audit. The order lives here (`process`) and in service.ts, which does the audit, and nowhere else.
 *
 * Each stage takes what the stage before returned and returns a narrower type. The types cannot be made
 * elsewhere, and an operation's `run` takes only the last: a way around authorization does not compile.
 */
import type { Authenticator, Principal } from '../access/principal.ts';
import { kmsException } from '../api/exceptions.ts';
import { checkKeyState } from '../api/key-states.ts';
import { type Input, type OperationName, parseInput } from '../api/operations.ts';
import type { ServiceRequest } from '../api/transport.ts';
import type { Clock } from '../clock/clock.ts';
import type { KeyStore } from '../keystore/key-store.ts';
import { type Soon, upon } from '../keystore/soon.ts';
import type { BlobSource } from './ciphertext-blob.ts';
import type { DueRepository } from './due/due-item.ts';
import type { AliasRepository } from './keys/alias-repository.ts';
import { aliasNotFound, type KeyName, keyNotFound, parseKeyName } from './keys/key-arn.ts';
import type { KmsKey } from './keys/key-record.ts';
import type { KeyRepository } from './keys/key-repository.ts';
import type { KeyMember, KeySelector, Operation } from './operation.ts';
import type { RegionService } from './region-service.ts';
import type { RequestTrail } from './request-trail.ts';
import type { StageTimer } from './stage-timer.ts';

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

/** What was found out about one of a request's keys. */
interface NamedKey {
  readonly selector: KeySelector<never>;
  /** The request names it; else only its ciphertext does. */
  readonly isNamed: boolean;
  /** Absent for a key of another account, which is not looked up, and for an unknown one of a ciphertext. */
  readonly found: KmsKey | undefined;
  /** What the ciphertext, if any, says of its key. */
  readonly source: BlobSource | undefined;
}

interface Located<Name extends OperationName, Prepared> extends Parsed<Name, Prepared> {
  /** Absent: the operation works on no particular key. */
  readonly key: NamedKey | undefined;
  readonly destination: NamedKey | undefined;
}
export interface Resolved<Name extends OperationName, Prepared>
  extends Located<Name, Prepared>,
    Stage<'resolved'> {}
export interface Authorized<Name extends OperationName, Prepared>
  extends Located<Name, Prepared>,
    Stage<'authorized'> {}

/** A key for operations whose input names one, nothing for the others. */
type KeyOf<Name extends OperationName> = KeyMember & keyof Input<Name> extends never
  ? undefined
  : Name extends 'ListAliases'
    ? KmsKey | undefined
    : KmsKey;

/** The second key of the operations that have two. */
export type DestinationOf<Name extends OperationName> = Name extends 'ReEncrypt' | 'UpdateAlias'
  ? KmsKey
  : undefined;

export interface Ready<Name extends OperationName, Prepared> extends Stage<'ready'> {
  readonly input: Input<Name>;
  readonly prepared: Prepared;
  readonly key: KeyOf<Name>;
  readonly destination: DestinationOf<Name>;
  readonly keys: KeyRepository;
  readonly aliases: AliasRepository;
  readonly due: DueRepository;
  readonly keyStore: KeyStore;
  readonly principal: Principal;
  /** The principal's. */
  readonly accountId: string;
  readonly region: string;
  /** domainClock. */
  readonly nowMs: number;
  /** The request with its keys as they are now, checked again: for a change that another one overtook. */
  again(): Promise<Ready<Name, Prepared>>;
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
   * @throws KmsException (or rejects with it) for every refusal; anything else is a fault of this service
   */
  process(
    request: ServiceRequest,
    trail: RequestTrail,
    timer: StageTimer | undefined,
  ): Soon<object | undefined> {
    const authenticated = this.#authenticate(request, trail);
    timer?.ended('authenticate');
    const validated = this.#validate(authenticated);
    timer?.ended('validate');
    const done = upon(this.#resolve(validated), (resolved) => {
      timer?.ended('resolve');
      const authorized = this.#authorize(resolved);
      const ready = this.#checkState(authorized);
      timer?.ended('authorize');
      return validated.operation.run(ready);
    });
    return upon(done, (output) => {
      timer?.ended('run');
      return output;
    });
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

  #resolve<N extends OperationName, P>(request: Validated<N, P>): Soon<Resolved<N, P>> {
    const { operation, trail } = request;
    return upon(this.#locate(request, operation.key), (key) =>
      upon(this.#locate(request, operation.destination), (destination) => {
        const arns = [key?.found?.arn, destination?.found?.arn].filter((arn) => arn !== undefined);
        if (arns.length > 0) trail.resources = arns;
        return pass<Resolved<N, P>>({ ...request, key, destination });
      }),
    );
  }

  /** Finds the key that a selector speaks of; undefined if the operation has none. */
  #locate<N extends OperationName, P>(
    request: Validated<N, P>,
    selector: KeySelector<P> | undefined,
  ): Soon<NamedKey | undefined> {
    if (selector === undefined) return undefined;
    const { operation, input, prepared, principal, service } = request;
    const { accountId } = principal;
    const { region, keys, aliases } = service;
    const value = (input as { readonly [M in KeyMember]?: string })[selector.member ?? 'KeyId'];
    const isNamed = value !== undefined;
    const source = selector.fromCiphertext?.(prepared);
    const look = (name: KeyName): Soon<NamedKey> => {
      const isOwn = name.accountId === accountId;
      return upon(isOwn ? keys.find(accountId, name.keyId) : undefined, (found) => {
        // Of a key named by the caller AWS says that it is not there; of one named by a ciphertext it does not.
        if (found === undefined && isOwn && isNamed) throw keyNotFound(region, name);
        return { selector, isNamed, found, source };
      });
    };
    const name = isNamed ? parseKeyName(value, { region, accountId }, selector) : source;
    if (name === undefined) {
      if (selector.optional) return undefined;
      throw new Error(`${operation.name} names no key`);
    }
    if (!('aliasName' in name)) return look(name);
    return upon(aliases.find(name.accountId, name.aliasName), (alias) => {
      if (alias === undefined) throw aliasNotFound(region, name);
      return look({ accountId: name.accountId, keyId: alias.targetKeyId });
    });
  }

  /**
   * The account's root may do everything with the account's keys, and nothing with others', whatever their key
   * policies say; who is no root may do nothing. A refusal does not tell whether the key exists.
   */
  #authorize<N extends OperationName, P>(request: Resolved<N, P>): Authorized<N, P> {
    const { operation, input, key, destination, principal } = request;
    for (const named of [key, destination]) {
      if (named !== undefined && named.found === undefined)
        throw denied(principal, named, operation.action);
    }
    if (principal.type !== 'Root') {
      const resource = key?.found?.arn ?? '*';
      throw kmsException(
        'AccessDeniedException',
        `User: ${principal.arn} is not authorized to perform: ${operation.action} on resource: ${resource} because no identity-based policy allows the ${operation.action} action`,
      );
    }
    // There are no grants, so there is no token of one.
    const { GrantTokens: tokens } = input as { readonly GrantTokens?: readonly string[] };
    if (tokens !== undefined && tokens.length > 0) throw kmsException('InvalidGrantTokenException');
    return pass<Authorized<N, P>>(request);
  }

  #checkState<N extends OperationName, P>(request: Authorized<N, P>): Ready<N, P> {
    const { operation, input, prepared, service, trail } = request;
    if (request.key !== undefined) checkKey(operation.name, request.key);
    if (request.destination !== undefined) checkKey(operation.name, request.destination);
    const key = request.key?.found;
    const destination = request.destination?.found as DestinationOf<N>;
    if (key !== undefined) operation.check?.(input, key, destination);
    const { DryRun: dryRun } = input as { readonly DryRun?: boolean };
    if (dryRun === true)
      throw kmsException(
        'DryRunOperationException',
        'The request would have succeeded, but the DryRun option is set.',
      );
    return pass<Ready<N, P>>({
      input,
      prepared,
      key: key as KeyOf<N>,
      destination,
      keys: service.keys,
      aliases: service.aliases,
      due: service.due,
      keyStore: service.keyStore,
      principal: request.principal,
      accountId: request.principal.accountId,
      region: service.region,
      nowMs: this.#options.domainClock.nowMs(),
      again: async () => this.#checkState(this.#authorize(await this.#resolve(pass(request)))),
      async commit({ responseElements, resources = trail.resources }, change) {
        trail.resources = resources;
        const result = await change(trail.encodeEvent({ responseElements }));
        trail.recorded = true;
        return result;
      },
    });
  }
}

function denied(principal: Principal, key: NamedKey, action: string): Error {
  return kmsException(
    'AccessDeniedException',
    key.isNamed
      ? `User: ${principal.arn} is not authorized to perform: ${key.selector.action ?? action} on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`
      : 'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
  );
}

/** Whether a key may be used so: the one of the ciphertext, if there is one; its state; its usage. */
function checkKey(operation: OperationName, { selector, found, source }: NamedKey): void {
  if (found === undefined) throw new Error('no key was found, and yet it was authorized');
  const isForeign =
    source !== undefined && (source.keyId !== found.keyId || source.accountId !== found.accountId);
  if (isForeign)
    throw kmsException(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    );
  if (!selector.anyState) checkKeyState(operation, found);
  if (selector.usage !== undefined && found.keyUsage !== selector.usage)
    throw kmsException(
      'InvalidKeyUsageException',
      `${found.arn} key usage is ${found.keyUsage} which is not valid for ${operation}.`,
    );
}

/** The only way to the next stage. Not exported. */
function pass<Next>(value: Omit<Next, typeof stage>): Next {
  return value as Next;
}
