/** What the build produced, and that the versions it depends on cannot drift. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { nativeFiles } from '../../../scripts/native-sources.mjs';
import { findHeaders, targetNode } from '../../../scripts/node-headers.mjs';
import { readText, root } from '../../support/files.ts';
import { describeWithTool } from '../../support/tools.ts';

const packageJson = JSON.parse(readText('package.json'));
const addon = join(root, 'build', 'Release', 'strongroom.node');

describe('versions', () => {
  it('are pinned exactly', () => {
    const all = { ...packageJson.dependencies, ...packageJson.devDependencies };
    const loose = Object.entries<string>(all).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  it('in the lockfile are those of package.json', () => {
    const [locked] = Object.values<Record<string, unknown>>(
      JSON.parse(readText('package-lock.json')).packages,
    );
    expect(locked?.dependencies).toEqual(packageJson.dependencies);
    expect(locked?.devDependencies).toEqual(packageJson.devDependencies);
  });

  it('of the running and the installed Node are the pinned one', () => {
    const pinned = `v${packageJson.devDependencies.node}`;
    expect(process.version).toBe(pinned);
    expect(targetNode().version).toBe(pinned);
  });
});

describe('scripts of dependencies', () => {
  it('run only where package.json says so', () => {
    const packages: Record<string, { hasInstallScript?: boolean }> = JSON.parse(
      readText('package-lock.json'),
    ).packages;
    const scripted = Object.entries(packages)
      .filter(([path, { hasInstallScript }]) => path !== '' && hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(scripted.filter((name) => !(name in packageJson.allowScripts))).toEqual([]);
  });
});

describe('build-addon', () => {
  it('finds headers of exactly the Node it builds for', () => {
    const headers = findHeaders(targetNode());
    expect(headers).toBeDefined();
    expect(existsSync(join(headers ?? '', 'include/node/openssl/evp.h'))).toBe(true);
    expect(findHeaders({ path: targetNode().path, version: 'v0.0.1' })).toBeUndefined();
  });

  it('takes sources from the rooms and leaves their tests out', () => {
    const sources = nativeFiles('.cc');
    expect(sources).toContain(join('native', 'addon', 'addon.cc'));
    expect(sources.filter((path) => /(^|\/)(test|fuzz)\//.test(path))).toEqual([]);
  });

  it('builds nothing when npm only writes a lockfile', () => {
    const environment = { ...process.env, npm_config_package_lock_only: 'true' };
    const options = [join(root, 'scripts', 'build-addon.mjs'), '--force'];
    const { status, stdout } = spawnSync(process.execPath, options, { env: environment });
    expect([status, stdout.length]).toEqual([0, 0]);
  });
});

describeWithTool('/usr/bin/readelf', 'binutils', 'strongroom.node', () => {
  let dynamic: string;
  beforeAll(() => {
    dynamic = readelf('--dynamic');
  });
  const readelf = (...options: string[]) =>
    execFileSync('readelf', [...options, '-W', addon], { encoding: 'utf8' });

  it('takes OpenSSL from the node that loads it', () => {
    expect(dynamic).toContain('NEEDED');
    expect(dynamic).not.toMatch(/NEEDED.*lib(crypto|ssl)/);
  });

  it('stays loaded when the last worker that used it ends', () => {
    expect(dynamic).toMatch(/FLAGS_1.*NODELETE/);
  });

  it('has full RELRO and no executable stack', () => {
    expect(dynamic).toMatch(/FLAGS_1.*NOW/);
    const segments = readelf('--segments');
    expect(segments).toMatch(/GNU_RELRO/);
    expect(segments).toMatch(/GNU_STACK.* RW /);
  });

  it('exports the module registration and nothing of its own', () => {
    const defined = readelf('--dyn-syms', '--demangle')
      .split('\n')
      .filter((line) => /\b(GLOBAL|WEAK|UNIQUE)\b/.test(line) && !/ UND /.test(line))
      .map((line) => line.trim().split(/\s+/)[7]?.replace(/@.*/, ''));
    expect(defined.sort()).toEqual([
      'napi_register_module_v1',
      'node_api_module_get_api_version_v1',
    ]);
  });
});
