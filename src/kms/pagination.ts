/**
 * Lists in pages. A marker is the place of the last item shown, bound to its listing: one of another operation,
 * account, Region or key is refused, as is a mistyped one.
 *
 * A marker says nothing that its owner does not know, so it is not secret, and its checksum is no MAC: whoever
 * makes one up gets a page of what he may list anyway.
 */
import { crc32 } from 'node:zlib';
import { kmsException } from '../api/exceptions.ts';

export interface Page {
  /** Names of the items that came before; undefined for the first page. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface Listing<T> {
  /** Operation, Region, account, and what else tells this listing from others. */
  readonly scope: readonly string[];
  readonly limitDefault: number;
  /** Larger limits count as this one: AWS promises no page of the length asked for. */
  readonly limitMax: number;
  /** The place of an item in the listing's order. */
  placeOf(item: T): string;
  /** At most `limit` items whose place is after `after`, in order. */
  list(page: Page): readonly T[] | Promise<readonly T[]>;
}

export interface ListedPage<T> {
  readonly items: readonly T[];
  readonly NextMarker?: string;
  readonly Truncated: boolean;
}

/** @throws KmsException InvalidMarkerException */
export async function paginate<T>(
  { Limit, Marker }: { readonly Limit?: number; readonly Marker?: string },
  listing: Listing<T>,
): Promise<ListedPage<T>> {
  const limit = Math.min(Limit ?? listing.limitDefault, listing.limitMax);
  const scope = listing.scope.join(' ');
  const after = Marker === undefined ? undefined : readMarker(Marker, scope);
  // One more than asked for tells whether there is a next page.
  const found = await listing.list({ after, limit: limit + 1 });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items, Truncated: false };
  return { items, NextMarker: writeMarker(listing.placeOf(last), scope), Truncated: true };
}

/** A page of items that are all at hand, in the order of their places. */
export function pageOf<T>(
  items: readonly T[],
  placeOf: (item: T) => string,
  { after, limit }: Page,
): readonly T[] {
  const rest = after === undefined ? items : items.filter((item) => placeOf(item) > after);
  return rest.slice(0, limit);
}

const version = '1';

function writeMarker(place: string, scope: string): string {
  return Buffer.from(`${version} ${checksum(place, scope)} ${place}`).toString('base64url');
}

function readMarker(marker: string, scope: string): string {
  const [, ...place] = Buffer.from(marker, 'base64url').toString().split(' ').slice(1);
  const name = place.join(' ');
  // There is one marker for each place and listing.
  if (marker !== writeMarker(name, scope)) throw kmsException('InvalidMarkerException');
  return name;
}

function checksum(place: string, scope: string): string {
  return crc32(`${scope} ${place}`).toString(16).padStart(8, '0');
}
