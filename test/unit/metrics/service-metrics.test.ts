import { describe, expect, it } from 'vitest';
import {
  mergeMetrics,
  type Readings,
  ServiceMetrics,
} from '../../../src/metrics/service-metrics.ts';

const readings: Readings = {
  hsmCommands: 5,
  keyCacheHits: 4,
  keyCacheMisses: 3,
  cachedKeys: 2,
  waiting: { slow: 1 },
};
const device = { sessions: 6, sessionObjects: 7, tokenObjects: 8, flashBytes: 9 };

/** The values of one metric, by labels. */
function values(text: string, name: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(name.length, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('ServiceMetrics', () => {
  it('counts requests by operation and outcome, and what one thread counts is not another’s', async () => {
    const [one, two] = ['http-0', 'http-1'].map(
      (name) => new ServiceMetrics(name, async () => readings),
    ) as [ServiceMetrics, ServiceMetrics];
    const stages = [['run', 0.2]] as const;
    one.count({ operation: 'Encrypt', exception: undefined, stages });
    one.count({ operation: 'Encrypt', exception: undefined, stages });
    one.count({ operation: 'Encrypt', exception: 'DisabledException', stages });
    two.count({ operation: undefined, exception: 'UnknownOperationException', stages: [] });
    for (let again = 0; again < 2; again++) {
      const text = await mergeMetrics([await one.snapshot(), await two.snapshot()]);
      expect(values(text, 'strongroom_requests_total')).toEqual({
        '{operation="Encrypt",outcome="success",thread="http-0"}': 2,
        '{operation="Encrypt",outcome="DisabledException",thread="http-0"}': 1,
        '{operation="unknown",outcome="UnknownOperationException",thread="http-1"}': 1,
      });
    }
  });

  it('puts each duration into every bucket that is as long', async () => {
    const metrics = new ServiceMetrics('main', async () => readings);
    for (const durationMs of [0.01, 0.2, 0.2, 30_000])
      metrics.count({ operation: 'Sign', exception: undefined, stages: [['run', durationMs]] });
    const text = await mergeMetrics([await metrics.snapshot()]);
    const buckets = values(text, 'strongroom_stage_duration_seconds_bucket');
    const labels = (le: string): string => `{le="${le}",thread="main",stage="run"}`;
    expect(buckets[labels('0.00005')]).toBe(1);
    expect(buckets[labels('0.0001')]).toBe(1);
    expect(buckets[labels('0.00025')]).toBe(3);
    expect(buckets[labels('10')]).toBe(3);
    expect(buckets[labels('+Inf')]).toBe(4);
    const [sum] = Object.values(values(text, 'strongroom_request_duration_seconds_sum'));
    expect(sum).toBeCloseTo(30.000_41);
  });

  it('reads the rest when asked, the device only where it is', async () => {
    const with_ = new ServiceMetrics('main', async () => ({ ...readings, device }));
    const without = new ServiceMetrics('http-0', async () => readings);
    const text = await mergeMetrics([await with_.snapshot(), await without.snapshot()]);
    expect(values(text, 'strongroom_hsm_commands_total')).toEqual({
      '{thread="main"}': 5,
      '{thread="http-0"}': 5,
    });
    expect(values(text, 'strongroom_hsm_flash_bytes')).toEqual({ '{thread="main"}': 9 });
    expect(values(text, 'strongroom_waiting')).toMatchObject({ '{queue="slow",thread="main"}': 1 });
    expect(Object.keys(values(text, 'nodejs_eventloop_lag_p99_seconds'))).toHaveLength(2);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });
});
