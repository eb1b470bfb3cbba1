import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withProgress } from '../../../src/cli/progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const lasting = (ms: number) => () =>
  new Promise<string>((resolve) => setTimeout(resolve, ms, 'done'));

async function written(isTTY: boolean, work: () => Promise<string>): Promise<string> {
  let text = '';
  const stream = {
    isTTY,
    write: (more: string) => {
      text += more;
    },
  };
  const result = withProgress('making a key', work, stream).catch((error: Error) => error.message);
  await vi.runAllTimersAsync();
  text += await result;
  return text;
}

describe('progress', () => {
  it('is a line on a terminal while the work lasts', async () => {
    expect(await written(true, lasting(2500))).toBe(
      '\r\u001b[Kmaking a key …\r\u001b[Kmaking a key … 1 s\r\u001b[Kmaking a key … 2 s\r\u001b[Kdone',
    );
  });
  it('is nothing for short work', async () => {
    expect(await written(true, lasting(200))).toBe('done');
  });
  it('is nothing where nobody watches', async () => {
    expect(await written(false, lasting(2500))).toBe('done');
  });
  it('goes away when the work fails', async () => {
    const fail = async (): Promise<string> => {
      await lasting(500)();
      throw new Error('failed');
    };
    expect(await written(true, fail)).toBe('\r\u001b[Kmaking a key …\r\u001b[Kfailed');
  });
});
