/**
 * Runs the Dockerfile's steps where there is no Docker, then what the image would start, then its HEALTHCHECK, and asks the
 * service one question with the AWS SDK.
 *
 *   node scripts/check-dockerfile.mjs
 *
 * Every stage is a folder of its own, entered with chroot: overlays over this machine's /usr, /etc and /var, so that steps
 * write where they like and the machine stays as it is; all mounts are gone with the process. The service runs in a network
 * of its own. What differs from Docker is printed: FROM is played by this machine (its Debian with the pinned Node at
 * /usr/local; compilers are taken out of -slim), and build steps see this machine's npm cache and network settings. Ends 77
 * when the machine lacks the means.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseDockerfile, parseDockerignore } from './dockerfile.mjs';
import { findHeaders, root, targetNode } from './node-headers.mjs';

const unavailableExitCode = 77;
/** Steps that take longer have hung. */
const stepMs = 15 * 60_000;
const self = fileURLToPath(import.meta.url);

class CheckError extends Error {}

const say = (text) => console.log(text);

function must(command, ...rest) {
  const { status, stderr, error } = spawnSync(command, rest, { encoding: 'utf8' });
  if (status !== 0) throw new CheckError(`${command} ${rest.join(' ')}: ${error ?? stderr}`);
}

/** `4s` in ms. */
const duration = (text) => Number(/^(\d+)s$/.exec(text)[1]) * 1000;

class Stage {
  /** What the image starts with: name -> last value, and ENV together. */
  config = { ENV: {}, WORKDIR: '/', USER: '0:0' };

  constructor(directory, { image, name }) {
    this.root = join(directory, 'root');
    this.image = image;
    this.name = name;
    this.config.ENV.PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    for (const lower of ['usr', 'etc', 'var']) this.#overlay(directory, lower);
    for (const link of ['bin', 'sbin', 'lib', 'lib64'])
      symlinkSync(`usr/${link}`, join(this.root, link));
    for (const empty of ['dev', 'proc', 'tmp', 'root', 'home', 'opt', 'run'])
      mkdirSync(join(this.root, empty));
    must('chmod', '1777', join(this.root, 'tmp'));
    must('mount', '--rbind', '/dev', join(this.root, 'dev'));
    must('mount', '--bind', '/proc', join(this.root, 'proc'));
    this.#putNode();
    if (image.endsWith('-slim')) this.#removeCompilers();
  }

  #overlay(directory, lower) {
    const [upper, work] = ['upper', 'work'].map((kind) => join(directory, `${kind}-${lower}`));
    const target = join(this.root, lower);
    for (const path of [upper, work, target]) mkdirSync(path, { recursive: true });
    const layers = `lowerdir=/${lower},upperdir=${upper},workdir=${work}`;
    must('mount', '-t', 'overlay', 'overlay', '-o', layers, target);
  }

  /** What the official image has: Node, its headers and npm below /usr/local, and no other Node. */
  #putNode() {
    const node = targetNode();
    const wanted = /^node:([\d.]+)-/.exec(this.image)?.[1];
    if (node.version !== `v${wanted}`)
      throw new CheckError(`FROM ${this.image}: the Node here is ${node.version}`);
    const local = join(this.root, 'usr', 'local');
    const npm = dirname(dirname(realpathSync(findOnPath('npm'))));
    for (const name of ['bin', 'include', 'lib/node_modules'])
      mkdirSync(join(local, name), { recursive: true });
    for (const name of ['node', 'npm', 'npx'])
      for (const folder of ['usr/bin', 'usr/local/bin'])
        rmSync(join(this.root, folder, name), { force: true });
    cpSync(node.path, join(local, 'bin', 'node'), { dereference: true });
    const headers = findHeaders(node);
    if (headers === undefined) throw new CheckError('the headers of Node are not here');
    cpSync(join(headers, 'include', 'node'), join(local, 'include', 'node'), { recursive: true });
    cpSync(npm, join(local, 'lib', 'node_modules', 'npm'), { recursive: true, dereference: true });
    for (const name of ['npm', 'npx'])
      symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name));
  }

  #removeCompilers() {
    const names = /^(.*-)?(gcc|g\+\+|c\+\+|cpp|cc|clang|clang\+\+|make|cmake|python3)(-?[\d.]+)?$/;
    const folder = join(this.root, 'usr', 'bin');
    for (const name of readdirSync(folder)) if (names.test(name)) rmSync(join(folder, name));
  }

  path(inside) {
    return join(this.root, inside.startsWith('/') ? inside : join(this.config.WORKDIR, inside));
  }
}

/** Program and arguments that run `words` as a container of the image would; `more` is added to its environment. */
function command({ root: folder, config }, words, more = {}) {
  const environment = Object.entries({ ...config.ENV, ...more });
  const settings = environment.map(([name, value]) => `${name}=${value}`);
  const inFolder = ['env', '-i', '-C', config.WORKDIR, ...settings, ...words];
  return ['chroot', [`--userspec=${config.USER}`, folder, ...inFolder]];
}

function findOnPath(name) {
  const found = process.env.PATH.split(':').map((folder) => join(folder, name));
  return found.find((file) => existsSync(file)) ?? fail(`${name} is not on the PATH`);
}

function fail(message) {
  throw new CheckError(message);
}

/** Variables that a build step needs on this machine to reach its network, as docker build would pass them. */
function networkSettings() {
  const names = /^(https?_proxy|no_proxy|node_extra_ca_certs)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
}

function copy(stages, stage, { from, sources, target }, sent) {
  const source = from === undefined ? undefined : stages.find(({ name }) => name === from);
  if (from !== undefined && source === undefined) fail(`COPY --from=${from}: no such stage`);
  const isFolder = sources.length > 1 || /(\/|^\.)$/.test(target);
  const into = stage.path(target);
  for (const name of sources) {
    const origin = source ? source.path(name) : join(root, name);
    if (!source && name !== '.' && !sent(name)) fail(`COPY ${name}: .dockerignore keeps it out`);
    const names = name === '.' ? readdirSync(root).filter(sent) : [''];
    for (const entry of names) {
      const to = name === '.' ? join(into, entry) : isFolder ? join(into, basename(name)) : into;
      mkdirSync(dirname(to), { recursive: true });
      const filter = (path) => source !== undefined || sent(path.slice(root.length));
      cpSync(join(origin, entry), to, { recursive: true, verbatimSymlinks: true, filter });
    }
  }
}

function buildStages(directory) {
  const stages = [];
  const sent = parseDockerignore(readFileSync(join(root, '.dockerignore'), 'utf8'));
  for (const [index, { image, name, steps }] of parseDockerfile(
    readFileSync(join(root, 'Dockerfile'), 'utf8'),
  ).entries()) {
    say(`FROM ${image}: not run; played by this machine's Debian and the pinned Node`);
    const folder = join(directory, String(index));
    mkdirSync(folder);
    const stage = new Stage(folder, { image, name });
    stages.push(stage);
    for (const [instruction, value, text] of steps) {
      say(`${instruction} ${text}`);
      if (instruction === 'RUN') runStep(stage, value);
      else if (instruction === 'COPY') copy(stages, stage, value, sent);
      else if (instruction === 'ENV') Object.assign(stage.config.ENV, value);
      else stage.config[instruction] = value;
      if (instruction === 'WORKDIR') mkdirSync(stage.path('.'), { recursive: true });
    }
  }
  return stages;
}

function runStep(stage, text) {
  const startedAtMs = Date.now();
  const cache = join(stage.root, 'root', '.npm');
  const hostCache = process.env.npm_config_cache ?? join(homedir(), '.npm');
  if (existsSync(hostCache) && !existsSync(cache)) {
    mkdirSync(cache);
    must('mount', '--bind', hostCache, cache);
  }
  const words = ['/bin/sh', '-c', text];
  const environment = { HOME: '/root', ...networkSettings() };
  const { status, stdout, stderr } = spawnSync(...command(stage, words, environment), {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: stepMs,
  });
  if (status !== 0) fail(`RUN ${text}: ended with ${status}\n${stdout}\n${stderr}`);
  say(`  (${((Date.now() - startedAtMs) / 1000).toFixed(1)} s)`);
}

/** The image as a container: its first process, its health check, and what its volumes hold. */
class Container {
  constructor(image, environment = {}) {
    this.image = image;
    const { ENTRYPOINT, CMD } = image.config;
    const options = { stdio: ['ignore', 'ignore', 'pipe'] };
    this.process = spawn(...command(image, [...ENTRYPOINT, ...CMD], environment), options);
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.stderr = '';
    this.process.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
  }

  isHealthy() {
    const { command: words, timeout } = this.image.config.HEALTHCHECK;
    const options = { stdio: 'ignore', timeout: duration(timeout) };
    return spawnSync(...command(this.image, words), options).status === 0;
  }

  /** Waits as Docker does before it calls a container unhealthy. */
  async whenHealthy() {
    const { interval, 'start-period': grace, retries } = this.image.config.HEALTHCHECK;
    const deadlineMs = Date.now() + duration(grace) + duration(interval) * Number(retries);
    while (!this.isHealthy()) {
      if (this.process.exitCode !== null) fail(`the service ended at once: ${this.stderr}`);
      if (Date.now() > deadlineMs) fail(`the service did not get healthy: ${this.stderr}`);
      await sleep(200);
    }
  }

  /** As `docker stop`: ten seconds, then it counts as hung. */
  async stop() {
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    const code = await this.ended;
    clearTimeout(timer);
    if (code !== 0) fail(`the service ended with ${code} after SIGTERM: ${this.stderr}`);
  }
}

const accessKey = {
  accessKeyId: 'AKIAEXAMPLEFORCHECKS',
  secretAccessKey: 'not-a-secret-but-a-test',
};

function checkProcess({ process: { pid }, image }) {
  const [uid] = image.config.USER.split(':');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  if (uid === '0' || !status.includes(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`))
    fail('the service runs as another user than USER, or as root');
  if (readFileSync(`/proc/${pid}/environ`, 'utf8').includes(accessKey.secretAccessKey))
    fail('the secret access key stayed in the environment of the service');
  say(`the service runs as user ${uid}, and its environment holds no secret`);
}

function checkVolumes({ root: folder, config }) {
  const [data, apart] = config.VOLUME.map((path) => join(folder, path));
  const pin = join(apart, 'so-pin');
  const { mode, uid } = statSync(pin);
  if ((mode & 0o777) !== 0o600 || String(uid) !== config.USER.split(':')[0])
    fail(`${pin} is not its user's alone`);
  const inside = readdirSync(data, { recursive: true }).filter((name) => /so-pin/.test(name));
  if (inside.length > 0) fail(`the security officer's PIN is inside the data volume: ${inside}`);
  say(`the data is in ${config.VOLUME[0]}, the security officer's PIN apart from it`);
}

/** In a network of its own: starts the image twice over the same volumes. */
async function checkService(image) {
  must('ip', 'link', 'set', 'lo', 'up');
  const sdk = await import('@aws-sdk/client-kms');
  const kms = new sdk.KMSClient({
    endpoint: `http://127.0.0.1:${image.config.EXPOSE}`,
    region: 'us-east-1',
    credentials: accessKey,
  });
  const first = new Container(image, {
    STRONGROOM_ACCESS_KEY_ID: accessKey.accessKeyId,
    STRONGROOM_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
  });
  await first.whenHealthy();
  say('HEALTHCHECK passes');
  checkProcess(first);
  const { KeyMetadata } = await kms.send(new sdk.CreateKeyCommand({}));
  const encrypt = { KeyId: KeyMetadata.KeyId, Plaintext: Buffer.from('kept') };
  const { CiphertextBlob } = await kms.send(new sdk.EncryptCommand(encrypt));
  checkVolumes(image);
  await first.stop();
  if (first.isHealthy()) fail('HEALTHCHECK passes with no service running');
  const second = new Container(image);
  await second.whenHealthy();
  const { Plaintext } = await kms.send(new sdk.DecryptCommand({ CiphertextBlob }));
  if (Buffer.from(Plaintext).toString() !== 'kept')
    fail('the second start decrypted something else');
  await second.stop();
  say('the AWS SDK got an answer, and a second container over the same volumes decrypted it');
}

function whatIsMissing() {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid() !== 0) return 'chroot and mount need root';
  const tools = ['unshare', 'chroot', 'mount', 'ip', 'npm', 'g++', 'make', 'python3'];
  const lacking = tools.filter((name) => spawnSync('which', [name]).status !== 0);
  if (lacking.length > 0) return `${lacking.join(', ')} not found`;
  const tried = spawnSync('unshare', [...namespaces, '--net', 'true'], { encoding: 'utf8' });
  return tried.status === 0 ? undefined : `unshare: ${tried.stderr.trim()}`;
}

/** The mounts and processes of a check end with it. */
const namespaces = ['--mount', '--mount-proc', '--pid', '--fork', '--kill-child'];

/** This file once more, with other words, in namespaces of its own. */
function again(options, ...words) {
  const { status } = spawnSync('unshare', [...options, process.execPath, self, ...words], {
    stdio: 'inherit',
  });
  return status ?? 1;
}

const [part, argument] = process.argv.slice(2);
try {
  if (part === 'build') {
    const { root: folder, config } = buildStages(argument).at(-1);
    process.exitCode = again(['--net'], 'service', JSON.stringify({ root: folder, config }));
  } else if (part === 'service') await checkService(JSON.parse(argument));
  else {
    const missing = whatIsMissing();
    if (missing !== undefined) {
      console.error(`the Dockerfile cannot be run: ${missing}`);
      process.exit(unavailableExitCode);
    }
    const directory = mkdtempSync(join(tmpdir(), 'strongroom-image-'));
    try {
      process.exitCode = again(namespaces, 'build', directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
} catch (error) {
  console.error(error instanceof CheckError ? `\n${error.message}` : error);
  process.exit(1); // a container may be running, and nobody would wait for it; it ends with the namespace
}
