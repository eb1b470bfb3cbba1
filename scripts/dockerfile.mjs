/**
 * Reads a Dockerfile: the part of the language that ours uses. Anything else is an error, never passed over.
 */

/** Instructions and how their text is read. */
const readers = {
  ARG: (text) => pairs(text),
  FROM: (text) => {
    const [, image, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(text) ?? refuse(`FROM ${text}`);
    return { image, name };
  },
  WORKDIR: (text) => text,
  COPY: (text) => {
    const words = text.split(/\s+/);
    const from = words[0].startsWith('--from=') ? words.shift().slice('--from='.length) : undefined;
    if (words[0].startsWith('--')) refuse(`COPY ${words[0]}`);
    return { from, sources: words.slice(0, -1), target: words.at(-1) };
  },
  RUN: (text) => (/^(--|\[)/.test(text) ? refuse(`RUN ${text}`) : text),
  ENV: (text) => pairs(text),
  LABEL: (text) => pairs(text),
  USER: (text) => text,
  VOLUME: (text) => list(text),
  EXPOSE: (text) => Number(text),
  HEALTHCHECK: (text) => {
    const [, options, command] = /^((?:--\S+\s+)*)CMD\s+(.*)$/.exec(text) ?? refuse(text);
    const flags = options.trim().split(/\s+/);
    return {
      ...Object.fromEntries(flags.map((flag) => flag.slice(2).split('='))),
      command: list(command),
    };
  },
  ENTRYPOINT: (text) => list(text),
  CMD: (text) => list(text),
};

function refuse(what) {
  throw new Error(`not understood in the Dockerfile: ${what}`);
}

/** `A=1 B="two words"` */
function pairs(text) {
  const found = [...text.matchAll(/\s*([\w.]+)=(?:"([^"]*)"|(\S*))/gy)];
  if (found.map(([all]) => all).join('') !== text) refuse(text);
  return Object.fromEntries(found.map(([, name, quoted, bare]) => [name, quoted ?? bare]));
}

function list(text) {
  try {
    return JSON.parse(text);
  } catch {
    return refuse(`${text} (write it as a JSON list)`);
  }
}

/** @returns stages in order: image, name, and the steps [instruction, value, text] after FROM */
export function parseDockerfile(text) {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const args = {};
  const stages = [];
  for (const line of lines) {
    const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? refuse(line);
    const reader = readers[name] ?? refuse(name);
    const inStage = stages.at(-1);
    // Before the first FROM, and there alone, ARG has effect for us; $PATH and the like belong to the shell.
    if (name === 'ARG' && inStage) refuse('ARG inside a stage');
    const value = reader(
      name === 'FROM' ? rest.replace(/\$\{(\w+)\}/g, (_, key) => args[key]) : rest,
    );
    if (name === 'ARG') Object.assign(args, value);
    else if (name === 'FROM') stages.push({ ...value, steps: [] });
    else (inStage ?? refuse(`${name} before FROM`)).steps.push([name, value, rest]);
  }
  return stages;
}

/**
 * What .dockerignore lets into the build: it starts with `*`, then names what comes (`!path`) and what of that does not.
 * @returns whether a path relative to the context is sent
 */
export function parseDockerignore(text) {
  const [first, ...rest] = text.split('\n').filter((line) => line !== '');
  if (first !== '*' || rest.some((line) => /[*?[#]/.test(line))) refuse('.dockerignore');
  const matches = (pattern, path) => path === pattern || path.startsWith(`${pattern}/`);
  return (path) =>
    rest.reduce((sent, line) => {
      const takes = line.startsWith('!');
      return matches(takes ? line.slice(1) : line, path) ? takes : sent;
    }, false);
}
