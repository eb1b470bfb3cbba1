/**
 * A KMS under a mixed load in a data directory, for crash-images.test.ts and server-kill.test.ts, which record or end it:
 *
 *   node load.ts ROOT RUN [ROUNDS]      data in ROOT/data; ends by itself after so many rounds of each lane
 *
 * Each lane owns a key and says what it did in one line of ROOT/marks, after the answer and before the next request:
 *   {"lane", "requestId"?, "key", "state"}      state: what the key has to be from now on
 */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms';
import { createInProcessKms } from '../../../src/in-process/index.ts';
import type { KeyState, Mark } from './marks.ts';

const LANES = 4;
const [root = '', run = '', rounds = 'Infinity'] = process.argv.slice(2);
const marks = openSync(join(root, 'marks'), 'a', 0o600);
const kms = await createInProcessKms({
  dataDirectory: join(root, 'data'),
  durability: 'power-loss',
});
const client = new KMSClient({ ...kms.clientConfig, maxAttempts: 1 });

interface Answer {
  readonly $metadata: { readonly requestId?: string | undefined };
}

async function lane(number: number): Promise<void> {
  const name = `${run}-${number}`;
  const say = (answer: Answer, key: string, state: KeyState): void => {
    const { requestId } = answer.$metadata;
    const mark: Mark = { lane: name, ...(requestId && { requestId }), key, state };
    writeSync(marks, `${JSON.stringify(mark)}\n`);
  };
  for (let round = 0; round < Number(rounds); round++) {
    const made = await client.send(new CreateKeyCommand({ Description: `${name} 0` }));
    const key = made.KeyMetadata?.KeyId ?? '';
    let state: KeyState = {
      description: `${name} 0`,
      enabled: true,
      tag: '',
      alias: '',
      gone: false,
    };
    say(made, key, state);
    const step = (work: Promise<Answer>, next: Partial<KeyState>): Promise<void> =>
      work.then((answer) => {
        state = { ...state, ...next };
        say(answer, key, state);
      });
    const alias = `alias/${name}-${round}`;
    const description = `${name} ${round} ${'d'.repeat((round * 97) % 700)}`;
    await step(client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: key })), {
      alias,
    });
    await step(client.send(new EncryptCommand({ KeyId: key, Plaintext: Buffer.from(name) })), {});
    const update = { KeyId: key, Description: description };
    await step(client.send(new UpdateKeyDescriptionCommand(update)), { description });
    await step(client.send(new DisableKeyCommand({ KeyId: key })), { enabled: false });
    const Tags = [{ TagKey: 'round', TagValue: `${round}` }];
    await step(client.send(new TagResourceCommand({ KeyId: key, Tags })), { tag: `${round}` });
    await step(client.send(new EnableKeyCommand({ KeyId: key })), { enabled: true });
    // One lane's keys end at once, by a clock that nothing else here looks at.
    if (number > 0) continue;
    const deletion = { KeyId: key, PendingWindowInDays: 7 };
    await step(client.send(new ScheduleKeyDeletionCommand(deletion)), { enabled: false });
    await kms.clock.advance({ days: 8 });
    state = { ...state, gone: true };
    say({ $metadata: {} }, key, state);
  }
}

await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
await kms.close();
