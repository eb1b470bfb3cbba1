/**
 * Any sequence of operations on a few keys does what a model of two lines a step says: states, who can open
 * which blob, and one audit record for each request.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, KmsHarness } from '../support/kms-harness.ts';

interface Model {
  readonly kms: KmsHarness;
  readonly enabled: Map<string, boolean>;
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
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('EnableKey', 'DisableKey'), key: fc.nat() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('Encrypt', 'GenerateDataKey'),
      key: fc.nat(),
      context,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('Decrypt' as const),
      blob: fc.nat(),
      context: fc.option(context),
      named: fc.option(fc.nat()),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const pick = <T>(list: readonly T[], index: number): T | undefined =>
  list[index % Math.max(list.length, 1)];
const same = (a: object, b: object) =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

async function run(model: Model, action: Step): Promise<void> {
  const { kms, enabled, blobs } = model;
  const keyIds = [...enabled.keys()];
  const call = async (operation: string, input: object) => {
    model.requests += 1;
    const { body } = await kms.call(operation, input);
    return body;
  };
  if (action.kind === 'create') {
    if (keyIds.length < 3) enabled.set((await call('CreateKey', {})).KeyMetadata.KeyId, true);
    return;
  }
  if ('blob' in action) {
    const made = pick(blobs, action.blob);
    if (made === undefined) return;
    const named = action.named === null ? undefined : pick(keyIds, action.named);
    const EncryptionContext = action.context ?? made.context;
    const body = await call('Decrypt', {
      CiphertextBlob: made.blob,
      EncryptionContext,
      KeyId: named,
    });
    if (named !== undefined && named !== made.keyId)
      expect(body.__type).toBe('IncorrectKeyException');
    else if (!enabled.get(made.keyId)) expect(body.__type).toBe('DisabledException');
    else if (!same(EncryptionContext, made.context))
      expect(body.__type).toBe('InvalidCiphertextException');
    else expect(body.Plaintext).toBe(made.plaintext);
    return;
  }
  const keyId = pick(keyIds, action.key);
  if (keyId === undefined) return;
  if ('context' in action) {
    const Plaintext = base64(`message ${blobs.length}`);
    const specific = action.kind === 'Encrypt' ? { Plaintext } : { KeySpec: 'AES_256' };
    const body = await call(action.kind, {
      KeyId: keyId,
      EncryptionContext: action.context,
      ...specific,
    });
    if (!enabled.get(keyId)) return expect(body.__type).toBe('DisabledException');
    const plaintext = action.kind === 'Encrypt' ? Plaintext : body.Plaintext;
    blobs.push({ keyId, context: action.context, blob: body.CiphertextBlob, plaintext });
    return;
  }
  expect(await call(action.kind, { KeyId: keyId })).toBeUndefined();
  enabled.set(keyId, action.kind === 'EnableKey');
  const { KeyMetadata } = await call('DescribeKey', { KeyId: keyId });
  expect(KeyMetadata).toMatchObject({ Enabled: enabled.get(keyId) });
}

describe('keys', () => {
  it('live as their model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const model: Model = { kms: new KmsHarness(), enabled: new Map(), blobs: [], requests: 0 };
        for (const action of steps) await run(model, action);
        const { events, store, faults } = model.kms;
        expect(events.length + store.audit.length).toBe(model.requests);
        expect(faults).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
