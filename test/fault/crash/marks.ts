/**
 * What the load was told, and whether a data directory keeps it: every acknowledged change is there, what was under way is
 * there as a whole or not at all, and the audit log reaches every acknowledged request.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import {
  DescribeKeyCommand,
  EncryptCommand,
  KMSClient,
  ListAliasesCommand,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { verifyAuditFile } from '../../../src/audit/verify.ts';
import { createInProcessKms } from '../../../src/in-process/index.ts';

/** What a key is, as far as the load changes it. */
export interface KeyState {
  readonly description: string;
  readonly enabled: boolean;
  /** Value of the tag `round`; empty: no tag. */
  readonly tag: string;
  /** Empty: none. */
  readonly alias: string;
  /** Destroyed, and its alias with it. */
  readonly gone: boolean;
}

export interface Mark {
  readonly lane: string;
  /** Absent: it was no request. */
  readonly requestId?: string;
  readonly key: string;
  readonly state: KeyState;
}

interface AuditLine {
  readonly event: { readonly requestId: string };
}

/** Whole lines only: the last may be cut. */
export const readMarks = (text: string): Mark[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Mark);

/** What is missing after a start, in words; empty: nothing. `steps` of a lane that follow its last mark may have happened. */
export async function whatIsLost(dataDirectory: string, marks: readonly Mark[]): Promise<string[]> {
  const lost: string[] = [];
  const kms = await createInProcessKms({ dataDirectory, durability: 'power-loss' });
  try {
    const client = new KMSClient({ ...kms.clientConfig, maxAttempts: 1 });
    const aliases = new Map(
      (await allAliases(client)).map(({ AliasName, TargetKeyId }) => [AliasName, TargetKeyId]),
    );
    const newest = new Map(marks.map((mark) => [mark.key, mark]));
    const lastOfLane = new Map(marks.map((mark) => [mark.lane, mark]));
    for (const mark of newest.values()) {
      const found = await stateOf(client, mark.key, aliases);
      if (!keeps(mark.state, found, lastOfLane.get(mark.lane) === mark))
        lost.push(`key ${mark.key} is ${text(found)} and was ${text(mark.state)}`);
    }
    // It works: what it is asked now is done.
    const [any] = [...newest.values()].filter(({ state }) => state.enabled && !state.gone);
    if (any !== undefined && lastOfLane.get(any.lane) !== any)
      await client.send(new EncryptCommand({ KeyId: any.key, Plaintext: Buffer.from('after') }));
  } finally {
    await kms.close();
  }
  const recorded = new Set<string>();
  await verifyAuditFile(
    join(dataDirectory, 'audit.jsonl'),
    (line) => hash('sha256', line, 'hex'),
    (line) => recorded.add((JSON.parse(line) as AuditLine).event.requestId),
  );
  for (const { requestId, lane } of marks)
    if (requestId !== undefined && !recorded.has(requestId))
      lost.push(`request ${requestId} of ${lane} is not in the audit log`);
  return lost;
}

/** One step of the lane may have been under way, and each changes one thing: at most one differs, of its last key. */
function keeps(marked: KeyState, found: KeyState | undefined, wasLast: boolean): boolean {
  if (found === undefined) return marked.gone || (wasLast && !marked.enabled);
  const names = Object.keys(marked) as (keyof KeyState)[];
  const differ = names.filter((name) => marked[name] !== found[name]);
  return differ.length <= (wasLast && !marked.gone ? 1 : 0);
}

function text(state: KeyState | undefined): string {
  if (state === undefined) return 'gone';
  const { description, ...rest } = state;
  return JSON.stringify({ ...rest, length: description.length });
}

async function stateOf(
  client: KMSClient,
  key: string,
  aliases: ReadonlyMap<string | undefined, string | undefined>,
): Promise<KeyState | undefined> {
  try {
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: key }));
    const { Tags = [] } = await client.send(new ListResourceTagsCommand({ KeyId: key }));
    return {
      description: KeyMetadata?.Description ?? '',
      enabled: KeyMetadata?.Enabled ?? false,
      tag: Tags.find(({ TagKey }) => TagKey === 'round')?.TagValue ?? '',
      alias: [...aliases].find(([, target]) => target === key)?.[0] ?? '',
      gone: false,
    };
  } catch (error) {
    if (error instanceof Error && error.name === 'NotFoundException') return undefined;
    throw error;
  }
}

async function allAliases(client: KMSClient) {
  const all = [];
  for (let Marker: string | undefined; ; ) {
    const page = await client.send(new ListAliasesCommand(Marker ? { Marker } : {}));
    all.push(...(page.Aliases ?? []));
    if (!page.Truncated) return all;
    Marker = page.NextMarker;
  }
}
