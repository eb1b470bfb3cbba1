/** The domain clock of a service: kept before it counts, recorded before it moves, one move after the other. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit-log.ts';
import { ClockControl, openDomainClock } from '../../../src/server/domain-clock.ts';
import { StartError } from '../../../src/server/start-error.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function world(file = join(scratchDirectory(), 'clock.json')) {
  const state = { wallMs: 1_000_000, auditFails: false };
  const events: AuditEvent[] = [];
  const settled: number[] = [];
  const wall = { nowMs: () => state.wallMs };
  const clock = openDomainClock(file, wall);
  const control = new ClockControl({
    ...{ clock, file, region: 'eu-west-1', wall },
    store: {
      async commit({ changes, audit }) {
        if (state.auditFails) throw new Error('disk full');
        expect(changes).toEqual([]);
        events.push(JSON.parse(audit ?? ''));
        return 0;
      },
    },
    async settle() {
      settled.push(clock.nowMs());
      return { done: settled.length, failing: 0 };
    },
  });
  return { file, state, events, settled, clock, control };
}

describe('a move of the clock', () => {
  it('is recorded and kept, then made, then what is due is done', async () => {
    const { file, state, events, settled, clock, control } = world();
    expect(await control.advance(500)).toEqual({
      now: new Date(1_000_500).toISOString(),
      wall: new Date(1_000_000).toISOString(),
      offsetMs: 500,
      isFrozen: false,
      dueWork: { done: 1, failing: 0 },
    });
    expect(settled).toEqual([1_000_500]);
    expect(events).toEqual([
      {
        eventType: 'OperatorEvent',
        eventId: expect.any(String),
        timeMs: 1_000_000,
        region: 'eu-west-1',
        operation: 'AdvanceClock',
        readOnly: false,
        parameters: {
          from: new Date(1_000_000).toISOString(),
          to: new Date(1_000_500).toISOString(),
        },
      },
    ]);
    expect(readFileSync(file, 'utf8')).toBe('{"format":1,"offsetMs":500}\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await control.freeze();
    state.wallMs = 5_000_000;
    await control.set(2_000_000);
    expect(clock.nowMs()).toBe(2_000_000);
    // As a later start finds it.
    expect(world(file).clock.nowMs()).toBe(2_000_000);
    await control.resume();
    expect(clock.nowMs()).toBe(2_000_000);
    expect(world(file).clock.setting).toEqual({ offsetMs: -3_000_000 });
    expect(events.map(({ operation }) => operation)).toEqual([
      ...['AdvanceClock', 'FreezeClock', 'SetClock', 'ResumeClock'],
    ]);
  });

  it('that is refused, or cannot be recorded, moves nothing', async () => {
    const { state, events, settled, clock, control } = world();
    for (const move of [
      () => control.advance(-1),
      () => control.advance(0.5),
      () => control.set(999_999),
      () => control.set(Number.NaN),
      () => control.set(Date.UTC(10_000, 0)),
    ])
      await expect(move()).rejects.toThrow(RangeError);
    state.auditFails = true;
    await expect(control.advance(1)).rejects.toThrow('disk full');
    expect([events, settled, clock.nowMs()]).toEqual([[], [], 1_000_000]);
    state.auditFails = false;
    expect((await control.set(1_000_000)).offsetMs).toBe(0);
  });

  it('comes after the one before it', async () => {
    const { control, clock } = world();
    await Promise.all(Array.from({ length: 10 }, () => control.advance(1)));
    expect(clock.nowMs()).toBe(1_000_010);
  });
});

it('a file that is none of ours is refused, and no file is the time of the wall', () => {
  const file = join(scratchDirectory(), 'clock.json');
  for (const text of [
    '',
    '{}',
    '[]',
    'null',
    '{"format":2,"offsetMs":0}',
    '{"format":1,"offsetMs":"1"}',
    '{"format":1,"offsetMs":0.5}',
    '{"format":1,"offsetMs":0,"frozenAtMs":-1}',
  ]) {
    writeFileSync(file, text);
    expect(() => openDomainClock(file), text).toThrow(StartError);
  }
  for (const none of [undefined, join(scratchDirectory(), 'none')])
    expect(openDomainClock(none, { nowMs: () => 7 }).nowMs()).toBe(7);
});
