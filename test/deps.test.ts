/**
 * Who may import whom. The table is the architecture's plan of rooms; the test reads every import there is and holds it
 * against the table, so a new dependency between rooms is a line here that somebody reviews.
 */
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, readText } from './support/files.ts';

/** Rooms of src/ in building order: each may import rooms above it in this list, and of those the ones it names. */
const rooms: Record<string, readonly string[]> = {
  native: [],
  hsm: [],
  // Helpers for what may be anything, which several rooms would write twice.
  values: [],
  api: ['values'],
  clock: [],
  // Counts, in a library's form: it knows names and numbers, and nobody's types.
  metrics: [],
  // Starts a server as a child process, for tests and the demo: it knows the command line, not the code.
  testing: [],
  link: ['native', 'hsm'],
  cluster: ['hsm', 'link'],
  access: ['values', 'api', 'clock'],
  audit: ['values', 'api', 'clock'],
  // The store-writer thread numbers and writes audit records: those of mutations ride in its transactions.
  store: ['values', 'api', 'clock', 'audit'],
  // The signing and MACs of records that store, audit and access leave to whoever has a token are made here.
  keystore: ['api', 'hsm', 'link', 'cluster', 'access', 'audit', 'store'],
  config: ['values', 'api', 'clock', 'access'],
  'xks-proxy': ['hsm', 'link', 'clock', 'config'],
  kms: [
    'values',
    'api',
    'clock',
    'hsm',
    'link',
    'cluster',
    'keystore',
    'access',
    'audit',
    'store',
    'config',
  ],
  services: [
    'values',
    'api',
    'clock',
    'hsm',
    'cluster',
    'access',
    'audit',
    'store',
    'config',
    'kms',
  ],
  // What a service stands on, whatever the transport: device, store, root credential, the KMS over them.
  server: [
    ...['hsm', 'values', 'api', 'clock', 'link', 'cluster', 'keystore', 'access', 'audit'],
    ...['store', 'config', 'kms', 'services', 'metrics'],
  ],
  http: ['native', 'api', 'clock', 'access', 'audit', 'config', 'kms', 'services'],
  // A transport like http, and of one mind with it about what is refused before the KMS sees it.
  'in-process': ['api', 'clock', 'access', 'kms', 'server', 'http'],
  admin: [
    ...['native', 'hsm', 'values', 'api', 'clock', 'link', 'cluster', 'keystore'],
    ...['access', 'audit', 'store', 'config', 'kms'],
  ],
  cli: [
    ...[
      'native',
      'hsm',
      'values',
      'api',
      'clock',
      'link',
      'cluster',
      'keystore',
      'access',
      'audit',
    ],
    ...['store', 'config', 'xks-proxy', 'kms', 'services', 'server', 'http', 'admin', 'metrics'],
  ],
};

/** Folders beside src/ that ship with it, and the rooms of src/ they may import. bench and test may import anything. */
const neighbours: Record<string, readonly string[]> = {
  'firmware-sim': ['native', 'link'],
};

/** Rooms of native/ and the first folder of what they may #include; `test` folders may include anything. */
const nativeRooms: Record<string, readonly string[]> = {
  // Headers for everybody; the entry points behind them are the token's.
  cryptoki: ['cryptoki', 'token'],
  token: ['cryptoki', 'token', 'openssl'],
  // The dispatcher knows a token as a Cryptoki function list and nothing else: that is what lets another vendor's stand there.
  frame: ['cryptoki', 'frame'],
  addon: ['cryptoki', 'token', 'frame', 'addon', 'node'],
  client: ['cryptoki', 'token', 'frame', 'client'],
  pkcs11: ['cryptoki', 'token', 'pkcs11', 'openssl'],
  module_host: ['cryptoki', 'frame', 'module_host'],
};

const nodeHeaders = /^(node|node_api|js_native_api.*|napi|napi-inl|uv|v8.*)(\.h|\/)/;

interface Import {
  readonly file: string;
  /** A path from the root, a package's name, or a `node:` module. */
  readonly target: string;
  /** `import type`: gone from the JavaScript. */
  readonly typeOnly: boolean;
}

/** Every module named in `import`, `export … from`, `import()` and `new URL('./x.ts', import.meta.url)`. */
function importsOf(file: string): Import[] {
  const code = readText(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const patterns = [
    /^(?:import|export)\b[^;'"]*\bfrom\s*['"]([^'"]+)['"]/gm,
    /^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    /\bnew URL\(\s*['"](\.[^'"]+)['"]/g,
  ];
  return (
    patterns
      .flatMap((pattern) => [...code.matchAll(pattern)])
      .map(([statement, name, other]) => ({
        name: name ?? other ?? '',
        typeOnly: /^(import|export) type\b/.test(statement),
      }))
      // The addon is built, not imported: src/native/load.ts says where it is.
      .filter(({ name }) => !name.endsWith('.node'))
      .map(({ name, typeOnly }) => ({
        file,
        target: name.startsWith('.') ? normalize(join(dirname(file), name)) : name,
        typeOnly,
      }))
  );
}

const files = projectFiles();
const typeScript = files.filter((path) => path.startsWith('src/') && path.endsWith('.ts'));

/** `src/kms/operations/encrypt.ts` -> `kms`; undefined outside src/ and for files directly in it. */
function roomOf(path: string): string | undefined {
  const [top, room, rest] = path.split('/');
  return top === 'src' && rest !== undefined ? room : undefined;
}

describe('rooms of src/', () => {
  it('are all in the table', () => {
    const unknown = typeScript.filter((path) => {
      const room = roomOf(path);
      return room === undefined ? path !== 'src/index.ts' : !(room in rooms);
    });
    expect(unknown).toEqual([]);
  });

  it('stand in an order in which imports only point back', () => {
    const order = Object.keys(rooms);
    for (const [room, allowed] of Object.entries(rooms)) {
      const forward = allowed.filter((other) => order.indexOf(other) >= order.indexOf(room));
      expect(forward, `${room} before what it imports, or no room at all`).toEqual([]);
    }
  });

  it('import what the table allows', () => {
    const wrong = typeScript.flatMap(importsOf).filter(({ file, target }) => {
      const from = roomOf(file);
      if (from === undefined || !/^(src|test|bench|demo|scripts|firmware-sim)\//.test(target))
        return false;
      const to = roomOf(target);
      return to === undefined || (to !== from && !rooms[from]?.includes(to));
    });
    expect(wrong).toEqual([]);
  });

  // That no public declaration needs the type of a developers' package is checked when the package is made.
  it('use packages that are installed with the published one, or their types alone', () => {
    const { dependencies, devDependencies } = JSON.parse(readText('package.json'));
    const wrong = typeScript.flatMap(importsOf).filter(({ target, typeOnly }) => {
      if (target.startsWith('node:') || target.includes('/..') || target.startsWith('src/'))
        return false;
      const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/');
      const installed = name in dependencies || (typeOnly && name in devDependencies);
      return !installed && !files.includes(target);
    });
    expect(wrong).toEqual([]);
  });

  it('reach the addon through src/native alone', () => {
    const loaders = typeScript.filter(
      (path) =>
        roomOf(path) !== 'native' && /strongroom\.node|process\.dlopen/.test(readText(path)),
    );
    expect(loaders).toEqual([]);
  });
});

describe('neighbours of src/', () => {
  it('import what the table allows', () => {
    const wrong = files
      .filter((path) => (path.split('/')[0] ?? '') in neighbours && /\.m?[jt]s$/.test(path))
      .flatMap(importsOf)
      .filter(({ file, target }) => {
        const to = roomOf(target);
        return to !== undefined && !neighbours[file.split('/')[0] ?? '']?.includes(to);
      });
    expect(wrong).toEqual([]);
  });
});

describe('rooms of native/', () => {
  const sources = files.filter(
    (path) => /^native\/.*\.(cc|h)$/.test(path) && !/\/(test|fuzz)\//.test(path),
  );

  it('are all in the table', () => {
    expect(sources.filter((path) => !((path.split('/')[1] ?? '') in nativeRooms))).toEqual([]);
  });

  it('include what the table allows', () => {
    const wrong = sources.flatMap((file) => {
      const allowed = nativeRooms[file.split('/')[1] ?? ''] ?? [];
      return [...readText(file).matchAll(/^\s*#\s*include\s*["<]([^">]+)[">]/gm)]
        .map(([, name = '']) => name)
        .filter((name) => {
          if (nodeHeaders.test(name)) return !allowed.includes('node');
          const folder = name.split('/')[0] ?? '';
          const isOurs = name.includes('/') && folder !== 'sys' && folder !== 'linux';
          return isOurs && !allowed.includes(folder);
        })
        .map((name) => `${file} includes ${name}`);
    });
    expect(wrong).toEqual([]);
  });
});
