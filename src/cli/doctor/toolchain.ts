/**
 * Toolchain: which Node runs this, which addon it loads, and a compiler where one would be needed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { addonFile, loadAddon } from '../../native/load.ts';
import { errorText } from '../../values/unknown.ts';
import { type Finding, Report } from './finding.ts';

const OLDEST_MAJOR = 24;

export function checkNode(): Finding[] {
  const report = new Report('node');
  const { node, openssl } = process.versions;
  const what = `Node.js ${node} with OpenSSL ${openssl}, ${process.platform} ${process.arch}`;
  if (Number.parseInt(node, 10) >= OLDEST_MAJOR) report.ok(what);
  else report.failure(what, `strongroom needs Node.js ${OLDEST_MAJOR} or newer`);
  return report.findings;
}

export function checkAddon(): Finding[] {
  const report = new Report('addon');
  const { file, compiledHere } = addonFile();
  try {
    loadAddon();
  } catch (error) {
    report.failure(errorText(error), compilerAdvice(isInstalled));
    return report.findings;
  }
  const origin = compiledHere ? 'compiled here' : 'came with the package; no compiler is needed';
  report.ok(`${file} loads (${origin})`);
  if (!existsSync(`${file}.hmac`)) {
    report.failure(
      `${file}.hmac is missing: the device cannot check its own code`,
      'node scripts/build-addon.mjs --force, or install the package again',
    );
  }
  return report.findings;
}

/** For an addon that does not load. @param find tells whether a program is there */
export function compilerAdvice(find: (command: string) => boolean): string {
  const compilers = process.env.CXX
    ? [process.env.CXX.split(' ')[0] ?? '']
    : ['g++', 'clang++', 'c++'];
  const needs: [string, string[]][] = [
    ['a C++20 compiler (g++)', compilers],
    ['make', ['make']],
    ['python3', [process.env.PYTHON || 'python3']],
  ];
  const missing = needs.filter(([, commands]) => !commands.some(find)).map(([what]) => what);
  return missing.length === 0
    ? 'a compiler, make and python3 are here: node scripts/build-addon.mjs --force'
    : `to compile one, install ${missing.join(', ')}`;
}

function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}
