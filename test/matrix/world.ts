/**
 * A KMS over the fake key store with a key of every kind in every state that the API can bring it to, and what the
 * cases need besides: keys of another Region and of another account, peers for aliases to move to.
 */
import type { KeyState } from '@aws-sdk/client-kms';
import {
  accountId,
  base64,
  KmsHarness,
  otherAccountId,
  otherRegion,
  region,
} from '../support/kms-harness.ts';
import { makePair } from '../support/node-crypto.ts';
import { type Kind, keyType, specFacts } from './expectations.ts';

export const reachableStates = ['Enabled', 'Disabled', 'PendingDeletion'] as const;
export type ReachableState = (typeof reachableStates)[number];

export interface NamedKey extends Kind {
  readonly keyId: string;
  readonly arn: string;
  readonly aliasName: string;
}

/** One of the keys that cases are about. */
export interface TestKey extends NamedKey {
  /** Where the key is before each case. */
  readonly state: ReachableState;
  /** Ciphertexts, signatures and MACs over `message`, base64, by algorithm. */
  readonly made: ReadonlyMap<string, string>;
}

export const message: string = base64('what the cases encrypt, sign and authenticate');
export const aliasArnOf = (name: string, account = accountId, of = region): string =>
  `arn:aws:kms:${of}:${account}:${name}`;
/** What CreateAlias makes in its cases. */
export const newAlias = 'alias/new';

export class World {
  readonly kms = new KmsHarness();
  readonly keys: TestKey[] = [];
  /** One key for all keys that an alias may move between. */
  readonly #peers = new Map<string, NamedKey>();
  elsewhere!: NamedKey;
  theirs!: NamedKey;
  /** Ciphertext of a symmetric key that no case is about. */
  otherBlob!: string;

  /** @param kinds each gets one key in each of `states` */
  static async with(kinds: readonly Kind[], states: readonly ReachableState[]): Promise<World> {
    const world = new World();
    const { kms } = world;
    const pairs = new Map<string, ReturnType<typeof makePair>>();
    kms.keyStore.makePair = (spec) => {
      if (!pairs.has(spec)) pairs.set(spec, makePair(spec));
      return pairs.get(spec);
    };
    const symmetric = { spec: 'SYMMETRIC_DEFAULT', usage: 'ENCRYPT_DECRYPT' };
    world.elsewhere = await world.#make(symmetric, 'alias/elsewhere', { region: otherRegion });
    world.theirs = await world.#make(symmetric, 'alias/theirs', { account: otherAccountId });
    for (const kind of [symmetric, ...kinds]) {
      const group = groupOf(kind);
      if (world.#peers.has(group)) continue;
      world.#peers.set(group, await world.#make(kind, `alias/peer-${world.#peers.size}`));
    }
    const { keyId: KeyId } = world.peerOf(symmetric);
    world.otherBlob = (await kms.ok('Encrypt', { KeyId, Plaintext: message })).CiphertextBlob;
    for (const kind of kinds)
      for (const state of states) {
        const name = `alias/${kind.spec}-${kind.usage}-${state}`;
        const key = await world.#make(kind, name);
        const testKey = { ...key, state, made: await world.#use(key) };
        world.keys.push(testKey);
        await world.settle(testKey);
      }
    return world;
  }

  peerOf(kind: Kind): NamedKey {
    const peer = this.#peers.get(groupOf(kind));
    if (peer === undefined) throw new Error(`no peer of ${groupOf(kind)}`);
    return peer;
  }

  /** Changes, and uses of keys, so far. */
  mark(): string {
    const { store, keyStore } = this.kms;
    return `${store.sequence()} commits, ${store.audit.length} events of changes, ${keyStore.useCount} uses`;
  }

  /** Puts a key, its alias and its peer back to where they are before each case. */
  async settle(key: TestKey): Promise<void> {
    const peer = this.peerOf(key);
    await this.#deleteAlias(newAlias);
    await this.#bring(peer, 'Enabled');
    await this.#pointTo(peer);
    await this.#pointTo(key);
    await this.#bring(key, key.state);
  }

  async #make(kind: Kind, aliasName: string, options = {}): Promise<NamedKey> {
    const { spec: KeySpec, usage: KeyUsage } = kind;
    const { KeyMetadata: made } = await this.kms.ok('CreateKey', { KeySpec, KeyUsage }, options);
    const { KeyId: keyId, Arn: arn } = made;
    await this.kms.ok('CreateAlias', { AliasName: aliasName, TargetKeyId: keyId }, options);
    return { ...kind, keyId, arn, aliasName };
  }

  async #use({ spec, usage, keyId: KeyId }: NamedKey): Promise<Map<string, string>> {
    const made = new Map<string, string>();
    for (const algorithm of specFacts(spec).algorithms[usage] ?? [])
      made.set(algorithm, await this.#useOnce(usage, algorithm, KeyId));
    return made;
  }

  async #useOnce(usage: string, algorithm: string, KeyId: string): Promise<string> {
    if (usage === 'ENCRYPT_DECRYPT') {
      const input = { KeyId, Plaintext: message, EncryptionAlgorithm: algorithm };
      return (await this.kms.ok('Encrypt', input)).CiphertextBlob;
    }
    if (usage === 'SIGN_VERIFY') {
      const input = { KeyId, Message: message, SigningAlgorithm: algorithm };
      return (await this.kms.ok('Sign', input)).Signature;
    }
    const input = { KeyId, Message: message, MacAlgorithm: algorithm };
    return (await this.kms.ok('GenerateMac', input)).Mac;
  }

  async #stateOf(keyId: string): Promise<KeyState> {
    return (await this.kms.ok('DescribeKey', { KeyId: keyId })).KeyMetadata.KeyState;
  }

  async #bring({ keyId: KeyId }: NamedKey, wanted: ReachableState): Promise<void> {
    const state = await this.#stateOf(KeyId);
    if (state === wanted) return;
    if (state === 'PendingDeletion') await this.kms.ok('CancelKeyDeletion', { KeyId });
    if (wanted === 'Enabled') await this.kms.ok('EnableKey', { KeyId });
    if (wanted === 'Disabled') await this.kms.ok('DisableKey', { KeyId });
    if (wanted !== 'PendingDeletion') return;
    // A wrong table may have left the item of the last time, which is due at another moment.
    this.kms.nowMs += 1;
    await this.kms.ok('ScheduleKeyDeletion', { KeyId });
  }

  async #pointTo(key: NamedKey): Promise<void> {
    const { aliasName: AliasName, keyId: TargetKeyId } = key;
    const { response, body } = await this.kms.call('DescribeKey', { KeyId: AliasName });
    const isThere = response.status === 200;
    if (isThere && body.KeyMetadata.KeyId === TargetKeyId) return;
    if ((await this.#stateOf(TargetKeyId)) === 'PendingDeletion')
      await this.#bring(key, 'Disabled');
    if (isThere) await this.#deleteAlias(AliasName);
    await this.kms.ok('CreateAlias', { AliasName, TargetKeyId });
  }

  async #deleteAlias(AliasName: string): Promise<void> {
    const { response } = await this.kms.call('DescribeKey', { KeyId: AliasName });
    if (response.status === 200) await this.kms.ok('DeleteAlias', { AliasName });
  }
}

const groupOf = (kind: Kind): string => `${keyType(kind)} ${kind.usage}`;
