/**
 * The packed tarball as a stranger meets it: in an empty folder, with install scripts blocked, no compiler, and Node from npm.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { readText, root } from '../support/files.ts';
import { PackageHost, type PackedFile, which } from '../support/package-host.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';

const minute = 60_000;
const compilers = ['gcc', 'g++', 'cc', 'c++', 'clang', 'clang++', 'make', 'cmake', 'python3'];
const program = readText('test/e2e/package/use-hsm.mjs');
const exported = Object.entries(
  (JSON.parse(readText('package.json')) as { exports: Record<string, string | object> }).exports,
);
/** What programs import: `strongroom`, `strongroom/hsm`, … */
const specifiers = exported.flatMap(([path, target]) =>
  typeof target === 'object' ? [`strongroom${path.slice(1)}`] : [],
);

/** Why the machine that packs cannot build the PKCS#11 module; undefined: it can. */
const noModule = [which('cmake'), '/usr/include/openssl/opensslv.h'].every(
  (needed) => needed !== undefined && existsSync(needed),
)
  ? undefined
  : 'CMake or libssl-dev is missing';
if (noModule !== undefined)
  process.stdout.write(`unavailable: the packed PKCS#11 module: ${noModule}\n`);
const pkcs11Tool = '/usr/bin/pkcs11-tool';

const elsewhere = process.platform === 'linux' ? undefined : 'the addon is for Linux';

describeUnless(elsewhere, 'the packed tarball', () => {
  let host: PackageHost;
  let tarball: string;
  let files: readonly PackedFile[];
  let consumer: string;
  let installed: string;

  beforeAll(async () => {
    host = await PackageHost.prepare(scratchDirectory());
    ({ tarball, files } = await host.pack());
    consumer = host.emptyFolder('consumer');
    const { status, stderr } = await host.run(consumer, [
      ...['npm', 'install', '--ignore-scripts', tarball],
    ]);
    expect([status, stderr]).toEqual([0, '']);
    installed = join(consumer, 'node_modules', 'strongroom');
  }, 10 * minute);

  const packedText = (path: string): string => readFileSync(join(installed, path), 'latin1');

  describe('holds', () => {
    const some = (pattern: RegExp) => files.filter(({ path }) => pattern.test(path));

    it('JavaScript, declarations, the addon, and what compiles it', () => {
      const paths = files.map(({ path }) => path);
      for (const path of [
        ...['LICENSE', 'README.md', 'THIRD-PARTY-NOTICES', 'package.json', 'bin/strongroom.mjs'],
        ...['dist/cli/main.js', 'dist/link/index.d.ts', 'binding.gyp', 'native/addon/addon.cc'],
        ...['native/flags.gypi', 'native/addon/exports.map', 'scripts/build-addon.mjs'],
      ])
        expect(paths).toContain(path);
      expect(some(/^prebuilds\/linux-\w+-\w+\/napi9-openssl3\.node(\.hmac)?$/)).toHaveLength(2);
    });

    it.skipIf(noModule !== undefined)('the PKCS#11 module with its digest', () => {
      expect(some(/^prebuilds\/[\w-]+\/libstrongroom-pkcs11\.so(\.hmac)?$/)).toHaveLength(2);
      expect(packedText('THIRD-PARTY-NOTICES')).toMatch(
        /^OpenSSL 3\.[\d.]+.*libstrongroom-pkcs11\.so$/m,
      );
    });

    it('no tests, no TypeScript sources, nothing of a build or an editor', () => {
      expect(some(/(^|\/)(test|fuzz|bench|demo)\/|\.test\.|(?<!\/self)_test\.cc$/)).toEqual([]);
      expect(some(/(?<!\.d)\.ts$|\.(o|d|log|tgz|map\.json|tsbuildinfo|orig|swp)$/)).toEqual([]);
    });

    it('no secrets', () => {
      expect(
        some(/(^|\/)(credentials|\.env.*|\.npmrc|.*so-pin|user-pin|.*\.pem|.*\.key)$/),
      ).toEqual([]);
      const secret =
        /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{16}|aws_secret_access_key\s*=\s*[\w+/]{16}/;
      expect(files.filter(({ path }) => secret.test(packedText(path)))).toEqual([]);
    });

    it('no path of the machine that made it, in the addon either', () => {
      const here = [root, homedir()].map((place) => place.replace(/\/$/, ''));
      const pathsOf = (places: readonly string[]) =>
        new RegExp(`(?<![\\w.-])(${places.map((place) => RegExp.escape(place)).join('|')})/`);
      // Sources may speak of such folders; what a compiler put into the addon may not.
      const anywhere = pathsOf([...here, '/home', '/Users', '/tmp', '/build']);
      const wrong = files.filter(({ path }) =>
        (path.endsWith('.node') ? anywhere : pathsOf(here)).test(packedText(path)),
      );
      expect(wrong).toEqual([]);
      expect(`debug:${join(root, 'native')}/x.cc`).toMatch(anywhere);
    });

    it('the digest that the addon compares itself with', () => {
      const digest = createHmac('sha256', 'Strongroom module integrity, version 1')
        .update(readFileSync(join(installed, addonPath())))
        .digest('hex');
      expect(packedText(`${addonPath()}.hmac`)).toBe(`${digest}\n`);
    });

    it('the licence of each package whose code is in the addon', () => {
      const notices = readFileSync(join(installed, 'THIRD-PARTY-NOTICES'), 'utf8');
      expect(notices).toMatch(/^node-addon-api [\d.]+$/m);
      expect(notices).toMatch(/^libsecp256k1, from the npm package secp256k1 [\d.]+$/m);
      expect(notices).toContain('The MIT License');
    });
  });

  const addonPath = (): string =>
    files.map(({ path }) => path).find((path) => path.endsWith('.node')) ?? '';

  describe('installed without scripts and compiler', () => {
    it('stands on a machine that has none', () => {
      expect(compilers.filter((name) => which(name, host.barePath))).toEqual([]);
    });

    it('brings few packages with it: headers, what metrics are made with, YAML and JSON Schema', () => {
      const packages = readdirSync(join(consumer, 'node_modules'));
      expect(packages.filter((name) => !name.startsWith('.'))).toEqual([
        ...[
          '@opentelemetry',
          'ajv',
          'bintrees',
          'fast-deep-equal',
          'fast-uri',
          'json-schema-traverse',
        ],
        ...[
          'node-addon-api',
          'prom-client',
          'require-from-string',
          'strongroom',
          'tdigest',
          'yaml',
        ],
      ]);
    });

    it.skipIf(noModule !== undefined || !existsSync(pkcs11Tool))(
      'finds the PKCS#11 module, which works where it lies',
      async () => {
        const { status, stdout, stderr } = await host.run(consumer, [
          ...['npx', 'strongroom', 'hsm', 'module-path'],
        ]);
        expect([status, stderr]).toEqual([0, '']);
        const module = stdout.trimEnd();
        expect(module).toMatch(
          /node_modules\/strongroom\/prebuilds\/[\w-]+\/libstrongroom-pkcs11\.so$/,
        );
        const token = join(consumer, 'token');
        writeFileSync(join(consumer, 'so-pin'), '12345678\n');
        const made = await host.run(consumer, [
          ...['npx', 'strongroom', 'hsm', 'init', 'shared'],
          ...['--directory', token, '--so-pin-file', 'so-pin'],
        ]);
        expect([made.status, made.stderr]).toEqual([0, '']);
        // What the command made, a PKCS#11 program sees.
        const slots = spawnSync(pkcs11Tool, ['--module', module, '--list-token-slots'], {
          env: { ...host.environment(), STRONGROOM_TOKEN_DIR: token },
          encoding: 'utf8',
        });
        expect(slots.stdout).toMatch(/token label +: shared$/m);
      },
    );

    it('opens a device, logs in, makes a key and signs', async () => {
      writeFileSync(join(consumer, 'use-hsm.mjs'), program);
      const { status, stdout, stderr } = await host.run(consumer, ['node', 'use-hsm.mjs']);
      expect([status, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toEqual({ signed: true, openssl: 'verified' });
    });

    it('offers each entry to import and to require', async () => {
      for (const specifier of specifiers) {
        const imports = `const { default: _, ...all } = await import('${specifier}'); console.log(Object.keys(all).length > 0)`;
        const requires = `console.log(Object.keys(require('${specifier}')).length > 0)`;
        for (const [type, text] of [
          ['module', imports],
          ['commonjs', requires],
        ] as const) {
          const options = ['node', `--input-type=${type}`, '-e', text];
          expect(await host.run(consumer, options)).toEqual({
            status: 0,
            stdout: 'true\n',
            stderr: '',
          });
        }
      }
      const hidden = ['node', '--input-type=module', '-e', "import 'strongroom/dist/index.js'"];
      expect((await host.run(consumer, hidden)).stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    });

    it('has declarations that a strict TypeScript program needs nothing else for', async () => {
      for (const name of ['consumer.ts', 'tsconfig.json'])
        writeFileSync(join(consumer, name), readText(`test/e2e/package/${name}`));
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const { status, stdout } = await host.run(consumer, ['node', tsc, '-p', 'tsconfig.json']);
      expect([status, stdout]).toEqual([0, '']);
      // Were they `any`, everything would compile.
      writeFileSync(
        join(consumer, 'wrong.ts'),
        "import { openDevice } from 'strongroom/hsm';\nawait openDevice({ slotCount: 'one' });\n",
      );
      const wrong = await host.run(consumer, ['node', tsc, '-p', 'tsconfig.json']);
      expect(wrong.status).not.toBe(0);
      expect(wrong.stdout).toMatch(/^wrong\.ts\(2,\d+\): error TS2322/m);
    });

    it('serves with npx, answers an SDK, and stops when asked', {
      timeout: 2 * minute,
    }, async () => {
      const data = join(consumer, 'data');
      const readyFile = join(consumer, 'ready.json');
      const serve = [
        'strongroom',
        'serve',
        '--data-dir',
        data,
        '--port',
        '0',
        '--ready-file',
        readyFile,
      ];
      const child = spawn(join(host.barePath, 'npx'), serve, {
        cwd: consumer,
        env: host.environment(),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const ended = once(child, 'exit');
      try {
        await expect
          .poll(() => existsSync(readyFile) || child.exitCode !== null, { timeout: 30_000 })
          .toBe(true);
        expect([child.exitCode, stderr]).toEqual([null, expect.any(String)]);
        const ready = JSON.parse(readFileSync(readyFile, 'utf8'));
        const kms = new KMSClient({
          endpoint: ready.endpoint,
          region: 'us-east-1',
          credentials: ready.credentials,
        });
        const { Plaintext } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
        expect(Plaintext).toHaveLength(32);
        const stop = ['npx', 'strongroom', 'stop', '--data-dir', data];
        expect((await host.run(consumer, stop)).status).toBe(0);
        const [code] = await ended;
        expect(code).toBe(0);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });

  describe('on an older Node', () => {
    let node: string;
    let sentence: string;
    beforeAll(async () => {
      node = await host.oldNode();
      const { stdout } = await host.run(consumer, [node, '--version']);
      sentence = `strongroom needs Node.js 24 or newer, and this is ${stdout.trim()}.`;
    }, 2 * minute);

    it('says so in one sentence, whichever entry is imported that needs a newer one', async () => {
      for (const specifier of specifiers.filter((name) => name !== 'strongroom/testing')) {
        const options = [node, '--input-type=module', '-e', `import '${specifier}'`];
        const { status, stderr } = await host.run(consumer, options);
        expect(status).toBe(1);
        expect(stderr).toContain(`Error: ${sentence}`);
        expect(stderr).not.toMatch(/SyntaxError|^\s+at /m);
      }
    });

    it('says so in a sentence or two when strongroom/testing finds no newer one for its server', async () => {
      const text = "import { startServer } from 'strongroom/testing'; await startServer()";
      const { status, stderr } = await host.run(consumer, [
        ...[node, '--input-type=module', '-e', text],
      ]);
      expect(status).toBe(1);
      expect(stderr).toContain('Error: strongroom needs Node.js 24 or newer to run its server');
    });

    it('says so in one sentence when the command is called', async () => {
      const command = join(installed, 'bin', 'strongroom.mjs');
      const finished = await host.run(consumer, [node, command, 'serve']);
      expect(finished).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` });
    });
  });

  describe('with install scripts', () => {
    const allowed = { allowScripts: { strongroom: true } };

    it('builds nothing where the addon that came with it loads', async () => {
      const folder = host.emptyFolder('scripts', allowed);
      const { status, stderr } = await host.run(folder, [
        'npm',
        'install',
        '--loglevel=error',
        tarball,
      ]);
      expect([status, stderr]).toEqual([0, '']);
      expect(existsSync(join(folder, 'node_modules', 'strongroom', 'build'))).toBe(false);
    });

    describe('but no addon for this platform', () => {
      let without: string;
      beforeAll(async () => {
        without = await host.without(tarball, 'prebuilds');
      });

      it('says what is missing when there is no compiler', async () => {
        const folder = host.emptyFolder('no-compiler', allowed);
        const { status, stderr } = await host.run(folder, ['npm', 'install', without]);
        expect(status).not.toBe(0);
        expect(stderr).toContain('The native addon was not built: a C++20 compiler was not found');
      });

      it('says how to build it where scripts were blocked', async () => {
        const folder = host.emptyFolder('blocked', allowed);
        await host.run(folder, ['npm', 'install', '--ignore-scripts', without]);
        writeFileSync(join(folder, 'use-hsm.mjs'), program);
        const { status, stderr } = await host.run(folder, ['node', 'use-hsm.mjs']);
        expect(status).toBe(1);
        expect(stderr).toContain('To compile it here (C++20 compiler, make, python3): node ');
        expect(stderr).toContain(join('node_modules', 'strongroom', 'scripts', 'build-addon.mjs'));
      });

      const missing = ['g++', 'make', 'python3'].filter((name) => which(name) === undefined);
      const reason = missing.length === 0 ? undefined : `${missing.join(', ')} missing`;
      describeUnless(reason, 'with a compiler', () => {
        it('compiles it', { timeout: 10 * minute }, async () => {
          const folder = host.emptyFolder('compiler', allowed);
          const path = `${host.barePath}${delimiter}${process.env.PATH}`;
          const startedAtMs = Date.now();
          const built = await host.run(
            folder,
            ['npm', 'install', '--loglevel=error', without],
            path,
            9 * minute,
          );
          expect([built.status, built.stderr]).toEqual([0, '']);
          const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
          process.stdout.write(`the addon was compiled by npm install in ${seconds} s\n`);
          const release = join(folder, 'node_modules', 'strongroom', 'build', 'Release');
          expect(existsSync(join(release, 'strongroom.node'))).toBe(true);
          writeFileSync(join(folder, 'use-hsm.mjs'), program);
          const { status, stderr } = await host.run(folder, ['node', 'use-hsm.mjs']);
          expect([status, stderr]).toEqual([0, '']);
        });
      });
    });
  });
});
