import { beforeEach, describe, expect, it } from 'vitest';
import { arnOf, KmsHarness, otherAccountId, unknownKeyId } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let KeyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

const tag = (TagKey: string, TagValue = '') => ({ TagKey, TagValue });
const many = (count: number, prefix = 'k') =>
  Array.from({ length: count }, (_, i) => tag(`${prefix}${i}`));
const listed = async () => (await kms.ok('ListResourceTags', { KeyId })).Tags;

describe('TagResource', () => {
  it('adds tags and replaces those of the same key', async () => {
    const { response } = await kms.call('TagResource', { KeyId, Tags: [tag('b', '1'), tag('a')] });
    expect([response.status, response.body]).toEqual([200, '']);
    await kms.ok('TagResource', { KeyId: arnOf(KeyId), Tags: [tag('b', '2'), tag('B', '3')] });
    expect(await listed()).toEqual([tag('B', '3'), tag('a'), tag('b', '2')]);
    await kms.ok('TagResource', { KeyId, Tags: [] });
    expect(await listed()).toHaveLength(3);
    expect(JSON.parse(kms.store.audit[1] ?? '')).toMatchObject({
      operation: 'TagResource',
      parameters: {
        keyId: KeyId,
        tags: [
          { tagKey: 'b', tagValue: '1' },
          { tagKey: 'a', tagValue: '' },
        ],
      },
      responseElements: { keyId: arnOf(KeyId) },
    });
  });

  it.each([
    [[tag('aws:x')], 'TagException: Tags beginning with aws: are reserved'],
    [[tag('AWS:x')], 'TagException: Tags beginning with aws: are reserved'],
    [[tag('a', '1'), tag('a', '2')], 'TagException: Duplicate tag keys'],
    [many(51), 'TagException: Too many tags'],
  ])('refuses %j', async (Tags, refusal) => {
    expect(await kms.error('TagResource', { KeyId, Tags })).toBe(refusal);
    expect(await listed()).toEqual([]);
  });

  it.each([
    [[tag('x'.repeat(129))], /at 'tags\.1\.member\.tagKey' .* less than or equal to 128$/],
    [[tag('')], /at 'tags\.1\.member\.tagKey' .* greater than or equal to 1$/],
    [[tag('a', 'x'.repeat(257))], /at 'tags\.1\.member\.tagValue' .* less than or equal to 256$/],
    [[{ TagKey: 'a' }], /Value null at 'tags\.1\.member\.tagValue'/],
    [undefined, /Value null at 'tags'/],
  ])('refuses %j by its constraints', async (Tags, refusal) => {
    expect(await kms.error('TagResource', { KeyId, Tags })).toMatch(refusal);
  });

  it('keeps a key at 50 tags, together with those it has', async () => {
    await kms.ok('TagResource', { KeyId, Tags: many(49) });
    expect(await kms.error('TagResource', { KeyId, Tags: many(2, 'x') })).toBe(
      'TagException: Too many tags',
    );
    await kms.ok('TagResource', { KeyId, Tags: [tag('k0', 'again'), tag('x')] });
    expect(await listed()).toHaveLength(50);
  });

  it('takes __proto__ and what else a name may be', async () => {
    const Tags = [tag('__proto__', 'x'), tag('a b\u00e9/=+-@', ' '), tag('\u{1f511}', 'k')];
    await kms.ok('TagResource', { KeyId, Tags });
    expect(await listed()).toEqual(Tags);
  });

  it('keeps the change that another request made meanwhile', async () => {
    kms.store.beforeCommit = () => kms.ok('TagResource', { KeyId, Tags: [tag('b')] });
    await kms.ok('TagResource', { KeyId, Tags: [tag('a')] });
    expect(await listed()).toEqual([tag('a'), tag('b')]);
  });

  it('keeps the changes of many requests at a time', async () => {
    await Promise.all(many(30).map((one) => kms.ok('TagResource', { KeyId, Tags: [one] })));
    expect(await listed()).toHaveLength(30);
  });
});

describe('UntagResource', () => {
  it('takes the named tags, and minds no absent one', async () => {
    await kms.ok('TagResource', { KeyId, Tags: many(3) });
    const { response } = await kms.call('UntagResource', { KeyId, TagKeys: ['k1', 'none'] });
    expect([response.status, response.body]).toEqual([200, '']);
    expect(await listed()).toEqual([tag('k0'), tag('k2')]);
    expect(await kms.error('UntagResource', { KeyId, TagKeys: [''] })).toMatch(
      /^ValidationException/,
    );
  });
});

describe('ListResourceTags', () => {
  it('pages through them in order, 50 at most', async () => {
    await kms.ok('TagResource', { KeyId, Tags: many(50) });
    const all = await kms.ok('ListResourceTags', { KeyId, Limit: 1000 });
    expect(all).toMatchObject({ Tags: { length: 50 }, Truncated: false });
    const seen: object[] = [];
    let Marker: string | undefined;
    do {
      const page = await kms.ok('ListResourceTags', { KeyId, Limit: 7, Marker });
      seen.push(...page.Tags);
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(seen).toEqual(all.Tags);
  });

  it('goes on after a tag whose name has a blank in it', async () => {
    await kms.ok('TagResource', { KeyId, Tags: [tag('a b'), tag('a b c')] });
    const { NextMarker: Marker } = await kms.ok('ListResourceTags', { KeyId, Limit: 1 });
    expect((await kms.ok('ListResourceTags', { KeyId, Marker })).Tags).toEqual([tag('a b c')]);
    expect(await kms.error('ListResourceTags', { KeyId: await kms.createKey(), Marker })).toBe(
      'InvalidMarkerException',
    );
  });
});

describe.each([
  ['TagResource', { Tags: [tag('a')] }],
  ['UntagResource', { TagKeys: ['a'] }],
  ['ListResourceTags', {}],
])('%s', (operation, input) => {
  it('refuses keys that are not there or not the caller’s, and aliases', async () => {
    const call = (key: string, options = {}) =>
      kms.error(operation, { KeyId: key, ...input }, options);
    expect(await call(unknownKeyId)).toMatch(/^NotFoundException: Key /);
    expect(await call('alias/a')).toBe("NotFoundException: Invalid keyId 'alias/a'");
    expect(await call(arnOf(KeyId), { account: otherAccountId })).toMatch(/^AccessDeniedException/);
  });

  it('works on a disabled key; only reading on one pending deletion', async () => {
    await kms.ok('DisableKey', { KeyId });
    await kms.ok(operation, { KeyId, ...input });
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    if (operation === 'ListResourceTags') await kms.ok(operation, { KeyId, ...input });
    else
      expect(await kms.error(operation, { KeyId, ...input })).toBe(
        `KMSInvalidStateException: ${arnOf(KeyId)} is pending deletion.`,
      );
  });
});
