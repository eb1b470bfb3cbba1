/**
 * Power cuts. A KMS is recorded from its first boot on, through a mixed load on store, device flash and audit log together;
 * what a disk might hold after a cut at any write, sync or rename is then opened by an ordinary start, which has to find
 * everything that was acknowledged by then.
 *
 * STRONGROOM_CRASH_IMAGES sets their number (500), STRONGROOM_SEED the seed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generator, seed } from '../support/random.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';
import { Disk, type Operation, readTrace } from './crash/disk.ts';
import { readMarks, whatIsLost } from './crash/marks.ts';

const images = Number(process.env.STRONGROOM_CRASH_IMAGES ?? 500);
const ROUNDS = 3;
const here = join(import.meta.dirname, 'crash');
const compiler = spawnSync('cc', ['--version']).status === 0 ? undefined : 'no C compiler is here';

/** A recording of a KMS that was made, worked and closed. @returns its operations, and the root they are below. */
function record(): { root: string; operations: Operation[]; marksFile: number } {
  const scratch = scratchDirectory();
  const root = join(scratch, 'disk');
  mkdirSync(root);
  const library = join(scratch, 'recorder.so');
  const flags = ['-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror'];
  const built = spawnSync('cc', [...flags, join(here, 'recorder.c'), '-o', library, '-ldl'], {
    encoding: 'utf8',
  });
  expect(built.stderr).toBe('');
  const trace = join(scratch, 'trace');
  const load = spawnSync(process.execPath, [join(here, 'load.ts'), root, 'load', `${ROUNDS}`], {
    encoding: 'utf8',
    env: {
      ...process.env,
      LD_PRELOAD: library,
      RECORD_ROOT: root,
      RECORD_TRACE: trace,
      UV_USE_IO_URING: '0',
    },
  });
  expect(load.stderr).toBe('');
  expect(load.status).toBe(0);
  const operations = readTrace(readFileSync(trace));
  const marks = operations.find(({ kind, bytes }) => kind === 'C' && `${bytes}`.endsWith('/marks'));
  expect(marks).toBeDefined();
  return { root, operations, marksFile: marks?.file ?? 0 };
}

describeUnless(compiler, 'power cuts', () => {
  it(`leave everything acknowledged, at ${images} moments (seed ${seed}, set STRONGROOM_SEED to repeat)`, {
    timeout: 600_000 + images * 3000,
  }, async () => {
    const random = generator(seed);
    const { root, operations, marksFile } = record();
    // As many moments as images, spread over the recording; each image is another choice of what was lost.
    const moments = new Set<number>();
    const points = Array.from({ length: images }, (_, i) =>
      Math.floor(((i + random()) / images) * operations.length),
    );
    const disk = new Disk();
    const said: Buffer[] = [];
    let at = 0;
    let mostMarks = 0;
    const target = join(scratchDirectory(), 'image');
    for (const point of points) {
      for (; at < point; at++) {
        const operation = operations[at];
        if (operation === undefined) break;
        if (operation.file === marksFile && operation.kind === 'W') said.push(operation.bytes);
        else if (operation.file !== marksFile) disk.apply(operation);
      }
      moments.add(point);
      const marks = readMarks(Buffer.concat(said).toString());
      mostMarks = Math.max(mostMarks, marks.length);
      mkdirSync(target);
      disk.image(root, target, random);
      const kept = `${target}-kept`;
      cpSync(target, kept, { recursive: true });
      const lost = await whatIsLost(join(target, 'data'), marks).catch((error: unknown) => [
        String(error instanceof Error ? (error.stack ?? error) : error),
      ]);
      expect(lost, `image at operation ${point} of ${operations.length}, kept in ${kept}`).toEqual(
        [],
      );
      rmSync(target, { recursive: true });
      rmSync(kept, { recursive: true });
      rmSync(`${target}/data.so-pin`, { force: true });
    }
    expect(existsSync(target)).toBe(false);
    expect(mostMarks).toBeGreaterThan(50);
    process.stdout.write(
      `seed ${seed}: ${images} images at ${moments.size} of ${operations.length} moments, up to ${mostMarks} acknowledgements, all there\n`,
    );
  });
});
