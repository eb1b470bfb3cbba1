/**
 * Time per station of a request: what the SDK waited, and the Server-Timing header that `serve --server-timing` adds.
 */
import type { KMSClient } from '@aws-sdk/client-kms';

/** operation → station → durations in ms. */
export type Stations = Map<string, Map<string, number[]>>;

/** Adds a middleware to the client that notes the stations of each call. */
export function watchStations(client: KMSClient): Stations {
  const seen: Stations = new Map();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const started = performance.now();
      const output = await next(args);
      const elapsed = performance.now() - started;
      const operation = String(context.commandName ?? '').replace(/Command$/, '');
      const headers = (output.response as { headers?: Record<string, string> }).headers ?? {};
      const stations = seen.get(operation) ?? new Map<string, number[]>();
      seen.set(operation, stations);
      const note = (station: string, ms: number): void => {
        const list = stations.get(station) ?? [];
        list.push(ms);
        stations.set(station, list);
      };
      let inside = 0;
      for (const entry of (headers['server-timing'] ?? '').split(', ')) {
        const match = /^([a-z-]+);dur=([\d.]+)$/.exec(entry);
        if (match?.[1] === undefined) continue;
        inside += Number(match[2]);
        note(match[1], Number(match[2]));
      }
      note('http and network', elapsed - inside);
      note('total at the client', elapsed);
      return output;
    },
    { step: 'deserialize', priority: 'low', name: 'stations' },
  );
  return seen;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** A table of medians in µs: one row per station, one column per operation seen at least 10 times. */
export function stationTable(seen: Stations): string {
  const operations = [...seen].filter(
    ([, stations]) => (stations.get('total at the client')?.length ?? 0) >= 10,
  );
  const names = new Set(operations.flatMap(([, stations]) => [...stations.keys()]));
  const order = [...names].sort(
    (a, b) => Number(a.startsWith('total')) - Number(b.startsWith('total')),
  );
  const rows = order.map((station) =>
    [
      station.padEnd(22),
      ...operations.map(([, stations]) =>
        `${(median(stations.get(station) ?? []) * 1000).toFixed(0)} µs`.padStart(12),
      ),
    ].join(''),
  );
  return [''.padEnd(22) + operations.map(([name]) => name.padStart(12)).join(''), ...rows].join(
    '\n',
  );
}
