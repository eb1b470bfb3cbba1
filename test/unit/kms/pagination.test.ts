import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Listing, pageOf, paginate } from '../../../src/kms/pagination.ts';

const listing = (names: readonly string[], more: Partial<Listing<string>> = {}) => ({
  scope: ['List', 'eu-central-1', '111122223333'],
  limitDefault: 2,
  limitMax: 3,
  list: (page: { after: string | undefined; limit: number }) => pageOf(names, (name) => name, page),
  placeOf: (name: string) => name,
  ...more,
});
const invalid = expect.objectContaining({ name: 'InvalidMarkerException', message: '' });

describe('paginate', () => {
  it('shows every item once, whatever their names and the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'grapheme' }), { maxLength: 9 }),
        fc.integer({ min: 1, max: 9 }),
        async (given, Limit) => {
          const names = given.toSorted((a, b) => (a < b ? -1 : 1));
          const seen: string[] = [];
          let Marker: string | undefined;
          do {
            const page = await paginate(
              { Limit, ...(Marker !== undefined && { Marker }) },
              listing(names),
            );
            expect(page.items.length).toBeLessThanOrEqual(Math.min(Limit, 3));
            expect(page.Truncated).toBe(page.NextMarker !== undefined);
            seen.push(...page.items);
            Marker = page.NextMarker;
            if (Marker !== undefined) expect(Marker).toMatch(/^[A-Za-z0-9_-]{1,1024}$/);
          } while (Marker !== undefined);
          expect(seen).toEqual(names);
        },
      ),
    );
  });

  it('counts by the default and the largest limit', async () => {
    const names = ['a', 'b', 'c', 'd'];
    expect((await paginate({}, listing(names))).items).toEqual(['a', 'b']);
    expect((await paginate({ Limit: 4 }, listing(names))).items).toEqual(['a', 'b', 'c']);
  });

  it('goes on after an item that is gone', async () => {
    const { NextMarker: Marker = '' } = await paginate({ Limit: 1 }, listing(['b', 'c', 'd']));
    expect((await paginate({ Marker }, listing(['a', 'c', 'd']))).items).toEqual(['c', 'd']);
  });

  it('refuses every marker but those of the same listing', async () => {
    const names = ['a', 'b', 'c'];
    const { NextMarker: Marker = '' } = await paginate({ Limit: 1 }, listing(names));
    await paginate({ Marker }, listing(names));
    for (const scope of [
      ['Other', 'eu-central-1', '111122223333'],
      ['List', 'us-east-1', '111122223333'],
      ['List', 'eu-central-1', '444455556666'],
      ['List', 'eu-central-1', '111122223333', 'key'],
    ])
      await expect(paginate({ Marker }, listing(names, { scope }))).rejects.toEqual(invalid);
    for (let i = 0; i < Marker.length; i++) {
      const other = Marker.charAt(i) === 'A' ? 'B' : 'A';
      const changed = Marker.slice(0, i) + other + Marker.slice(i + 1);
      await expect(paginate({ Marker: changed }, listing(names))).rejects.toEqual(invalid);
    }
    for (const wrong of ['', ' ', 'x', `${Marker}A`, `${Marker}=`, Marker.slice(1), ` ${Marker}`])
      await expect(paginate({ Marker: wrong }, listing(names))).rejects.toEqual(invalid);
  });
});
