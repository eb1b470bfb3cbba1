/**
 * Any sequence of operations on a few keys does what a model of a few lines a step says: states, aliases, tags,
 * who can open which blob, and one audit record for each request. Changes may be overtaken by another one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, KmsHarness } from '../support/kms-harness.ts';

type State = 'Enabled' | 'Disabled' | 'PendingDeletion';

interface Model {
  readonly kms: KmsHarness;
  readonly states: Map<string, State>;
  readonly aliases: Map<string, string>;
  readonly tags: Map<string, Map<string, string>>;
  readonly blobs: {
    readonly keyId: string;
    readonly context: object;
    readonly blob: string;
    readonly plaintext: string;
  }[];
  requests: number;
}

const context = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.constantFrom('', 'x'), {
  noNullPrototype: false,
});
const alias = fc.constantFrom('alias/a', 'alias/b', 'alias/c');
const tagKey = fc.constantFrom('a', 'b', '__proto__');
const kinds = <K extends string>(...of: K[]) => fc.constantFrom(...of);
const key = fc.nat(5);

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: kinds('CreateKey') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kinds('EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion'),
      key,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kinds('CreateAlias', 'UpdateAlias', 'DeleteAlias'),
      alias,
      key,
      /** Another alias of the same key comes first. */
      overtaken: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kinds('TagResource', 'UntagResource'),
      key,
      tag: fc.tuple(tagKey, fc.constantFrom('', 'x')),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kinds('Encrypt', 'GenerateDataKey'),
      key: fc.oneof(key, alias),
      context,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kinds('Decrypt'),
      blob: fc.nat(),
      context: fc.option(context),
      named: fc.option(fc.oneof(key, alias)),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type StepOf<K extends Step['kind'], S = Step> = S extends { kind: infer Kinds }
  ? K extends Kinds
    ? S
    : never
  : never;

const pick = <T>(list: readonly T[], index: number): T | undefined =>
  list[index % Math.max(list.length, 1)];
const same = (a: object, b: object) =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

/** What an operation that uses a key answers in a state; undefined when it works. */
const refusalOfUse: Readonly<Record<State, string | undefined>> = {
  Enabled: undefined,
  Disabled: 'DisabledException',
  PendingDeletion: 'KMSInvalidStateException',
};

class Run {
  readonly model: Model = {
    kms: new KmsHarness(),
    states: new Map(),
    aliases: new Map(),
    tags: new Map(),
    blobs: [],
    requests: 0,
  };

  /** @returns the body of the answer */
  async call(operation: string, input: object) {
    this.model.requests += 1;
    return (await this.model.kms.call(operation, input)).body;
  }

  /** @returns the key that a number or an alias names; undefined when there is none */
  keyOf(name: number | string): string | undefined {
    return typeof name === 'string'
      ? this.model.aliases.get(name)
      : pick([...this.model.states.keys()], name);
  }

  async step(action: Step): Promise<void> {
    const { states, tags } = this.model;
    if (action.kind === 'CreateKey') {
      if (states.size === 3) return;
      const { KeyMetadata } = await this.call('CreateKey', {});
      states.set(KeyMetadata.KeyId, 'Enabled');
      tags.set(KeyMetadata.KeyId, new Map());
    } else if ('blob' in action) await this.decrypt(action);
    else if ('context' in action) await this.encrypt(action);
    else if ('alias' in action) await this.changeAlias(action);
    else if ('tag' in action) await this.changeTag(action);
    else await this.changeState(action);
  }

  async changeState({ kind, key: index }: StepOf<'EnableKey'>): Promise<void> {
    const { states } = this.model;
    const KeyId = this.keyOf(index);
    if (KeyId === undefined) return;
    const isPending = states.get(KeyId) === 'PendingDeletion';
    const body = await this.call(kind, { KeyId });
    if (isPending !== (kind === 'CancelKeyDeletion'))
      return expect(body.__type).toBe('KMSInvalidStateException');
    const next = {
      EnableKey: 'Enabled',
      DisableKey: 'Disabled',
      ScheduleKeyDeletion: 'PendingDeletion',
      CancelKeyDeletion: 'Disabled',
    } as const;
    states.set(KeyId, next[kind]);
  }

  async changeAlias(action: StepOf<'CreateAlias'>): Promise<void> {
    const { states, aliases, kms } = this.model;
    const { kind, alias: AliasName } = action;
    const TargetKeyId = this.keyOf(action.key);
    if (TargetKeyId === undefined) return;
    const there = aliases.get(AliasName);
    const isPending = states.get(TargetKeyId) === 'PendingDeletion';
    if (action.overtaken && there !== undefined)
      kms.store.beforeCommit = async () => {
        await this.call('UpdateAlias', { AliasName, TargetKeyId: there });
      };
    const input = kind === 'DeleteAlias' ? { AliasName } : { AliasName, TargetKeyId };
    const body = await this.call(kind, input);
    kms.store.beforeCommit = undefined;
    if (kind !== 'CreateAlias' && there === undefined)
      return expect(body.__type).toBe('NotFoundException');
    if (kind !== 'DeleteAlias' && isPending)
      return expect(body.__type).toBe('KMSInvalidStateException');
    if (kind === 'CreateAlias' && there !== undefined)
      return expect(body.__type).toBe('AlreadyExistsException');
    expect(body).toBeUndefined();
    if (kind === 'DeleteAlias') aliases.delete(AliasName);
    else aliases.set(AliasName, TargetKeyId);
  }

  async changeTag(action: StepOf<'TagResource'>): Promise<void> {
    const { states, tags } = this.model;
    const { kind, tag } = action;
    const [TagKey, TagValue] = tag;
    const KeyId = this.keyOf(action.key);
    if (KeyId === undefined) return;
    const body = await this.call(kind, {
      KeyId,
      ...(kind === 'TagResource' ? { Tags: [{ TagKey, TagValue }] } : { TagKeys: [TagKey] }),
    });
    if (states.get(KeyId) === 'PendingDeletion')
      return expect(body.__type).toBe('KMSInvalidStateException');
    if (kind === 'TagResource') tags.get(KeyId)?.set(TagKey, TagValue);
    else tags.get(KeyId)?.delete(TagKey);
  }

  async encrypt({ kind, key: name, context: EncryptionContext }: StepOf<'Encrypt'>): Promise<void> {
    const { states, blobs } = this.model;
    const keyId = this.keyOf(name);
    if (keyId === undefined && typeof name !== 'string') return;
    const Plaintext = base64(`message ${blobs.length}`);
    const specific = kind === 'Encrypt' ? { Plaintext } : { KeySpec: 'AES_256' };
    const KeyId = typeof name === 'string' ? name : keyId;
    const body = await this.call(kind, { KeyId, EncryptionContext, ...specific });
    const state = keyId === undefined ? undefined : states.get(keyId);
    if (keyId === undefined || state === undefined)
      return expect(body.__type).toBe('NotFoundException');
    const refusal = refusalOfUse[state];
    if (refusal !== undefined) return expect(body.__type).toBe(refusal);
    const plaintext = kind === 'Encrypt' ? Plaintext : body.Plaintext;
    blobs.push({ keyId, context: EncryptionContext, blob: body.CiphertextBlob, plaintext });
  }

  async decrypt(action: StepOf<'Decrypt'>): Promise<void> {
    const { states, blobs } = this.model;
    const made = pick(blobs, action.blob);
    if (made === undefined) return;
    const named = action.named === null ? undefined : this.keyOf(action.named);
    const KeyId = typeof action.named === 'string' ? action.named : named;
    const EncryptionContext = action.context ?? made.context;
    const body = await this.call('Decrypt', {
      CiphertextBlob: made.blob,
      EncryptionContext,
      KeyId,
    });
    const refusal = refusalOfUse[states.get(made.keyId) ?? 'Enabled'];
    if (KeyId !== undefined && named === undefined) expect(body.__type).toBe('NotFoundException');
    else if (named !== undefined && named !== made.keyId)
      expect(body.__type).toBe('IncorrectKeyException');
    else if (refusal !== undefined) expect(body.__type).toBe(refusal);
    else if (!same(EncryptionContext, made.context))
      expect(body.__type).toBe('InvalidCiphertextException');
    else expect(body.Plaintext).toBe(made.plaintext);
  }

  /** What the service shows of keys, aliases and tags is what the model has. */
  async compare(): Promise<void> {
    const { states, aliases, tags, kms } = this.model;
    for (const [KeyId, state] of states) {
      const { KeyMetadata } = await this.call('DescribeKey', { KeyId });
      expect(KeyMetadata).toMatchObject({ KeyState: state, Enabled: state === 'Enabled' });
      expect('DeletionDate' in KeyMetadata).toBe(state === 'PendingDeletion');
      const { Tags } = await this.call('ListResourceTags', { KeyId });
      const shown = Tags.map((tag: { TagKey: string; TagValue: string }) => [
        tag.TagKey,
        tag.TagValue,
      ]);
      expect(shown).toEqual([...(tags.get(KeyId) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)));
      const { Aliases } = await this.call('ListAliases', { KeyId });
      expect(Aliases.map(({ AliasName }: { AliasName: string }) => AliasName)).toEqual(
        [...aliases.keys()].filter((name) => aliases.get(name) === KeyId).sort(),
      );
    }
    expect((await this.call('ListAliases', {})).Aliases).toHaveLength(aliases.size);
    expect((await this.call('ListKeys', {})).Keys).toHaveLength(states.size);
    expect(kms.events.length + kms.store.audit.length).toBe(this.model.requests);
    expect(kms.faults).toEqual([]);
  }
}

describe('keys', () => {
  it('live as their model does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
        async (steps) => {
          const run = new Run();
          for (const action of steps) await run.step(action);
          await run.compare();
        },
      ),
      { numRuns: 150 },
    );
  });
});
