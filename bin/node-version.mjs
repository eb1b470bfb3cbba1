/**
 * The one sentence for a Node that is too old. It is read before anything newer is parsed, so this file, like those that
 * import it, keeps to what Node 18 understands.
 */

export const oldestMajor = 24;

/** Undefined when this Node will do. */
export function nodeTrouble() {
  if (Number.parseInt(process.versions.node, 10) >= oldestMajor) return undefined;
  return `strongroom needs Node.js ${oldestMajor} or newer, and this is ${process.version}.`;
}

/** @throws Error with that sentence, and no stack: where it was found out is of no use to anybody. */
export function requireNode() {
  const trouble = nodeTrouble();
  if (trouble === undefined) return;
  const error = new Error(trouble);
  error.stack = `Error: ${trouble}`;
  throw error;
}
