/** The reader of Dockerfiles passes nothing over: what it does not know, it refuses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDockerfile, parseDockerignore } from '../../../scripts/dockerfile.mjs';
import { readText, root } from '../../support/files.ts';

describe('parseDockerfile', () => {
  it('reads stages, continued lines and lists', () => {
    const text = [
      '# a comment\nARG V=1.2\nFROM node:$' + '{V}-slim AS build\nWORKDIR /w\nRUN a \\\n  && b',
      'ENV A=1 B="two words"\nCOPY x y /z/\nCOPY --from=build /o /p\nCMD ["a", "b c"]',
      'HEALTHCHECK --interval=5s --retries=3 CMD ["c"]\n',
    ].join('\n');
    expect(parseDockerfile(text)).toEqual([
      {
        image: 'node:1.2-slim',
        name: 'build',
        steps: [
          ['WORKDIR', '/w', '/w'],
          ['RUN', 'a && b', 'a && b'],
          ['ENV', { A: '1', B: 'two words' }, 'A=1 B="two words"'],
          ['COPY', { from: undefined, sources: ['x', 'y'], target: '/z/' }, 'x y /z/'],
          ['COPY', { from: 'build', sources: ['/o'], target: '/p' }, '--from=build /o /p'],
          ['CMD', ['a', 'b c'], '["a", "b c"]'],
          [
            'HEALTHCHECK',
            { interval: '5s', retries: '3', command: ['c'] },
            '--interval=5s --retries=3 CMD ["c"]',
          ],
        ],
      },
    ]);
  });

  it.each([
    'FROM a\nADD x /y',
    'FROM a\nRUN --mount=type=cache x',
    'FROM a\nRUN ["x"]',
    'FROM a\nCOPY --chown=1 x /y',
    'FROM a\nCMD serve',
    'FROM a\nHEALTHCHECK NONE',
    'FROM a\nENV A 1',
    'FROM --platform=x a',
    'FROM a\nARG X=1',
    'RUN x',
    'from a',
  ])('refuses %j', (text) => {
    expect(() => parseDockerfile(text)).toThrow('not understood in the Dockerfile');
  });
});

describe('parseDockerignore', () => {
  it('lets in what is named and leaves out parts of that', () => {
    const sent = parseDockerignore('*\n!native\n!package.json\nnative/third_party\n');
    expect(['native', 'native/a.cc', 'package.json'].filter(sent)).toHaveLength(3);
    expect(['native/third_party/x.c', 'nativex', '.git', '.env'].filter(sent)).toEqual([]);
  });

  it('refuses patterns', () => {
    expect(() => parseDockerignore('node_modules\n')).toThrow('not understood');
    expect(() => parseDockerignore('*\n!src/*.ts\n')).toThrow('not understood');
  });
});

describe('the Dockerfile', () => {
  const stages = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));

  it('starts from the Node that package.json pins, and ends on a slim image', () => {
    const { devDependencies } = JSON.parse(readText('package.json'));
    expect(stages.map(({ image }) => image)).toEqual([
      `node:${devDependencies.node}-bookworm`,
      `node:${devDependencies.node}-bookworm-slim`,
    ]);
  });

  it('ends with a user that is not root, a health check, and the PIN apart from the data', () => {
    const last = new Map(
      stages.at(-1)?.steps.map(([name, value]: [string, unknown]) => [name, value] as const),
    );
    expect(last.get('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(last.get('HEALTHCHECK')).toHaveProperty('command');
    expect(last.get('VOLUME')).toHaveLength(2);
  });
});
