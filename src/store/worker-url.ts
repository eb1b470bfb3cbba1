/**
 * workerUrl: the file a Worker starts from. Modules are TypeScript in a checkout and JavaScript in the
 * published package, and the compiler rewrites import specifiers only.
 */

/** @param name path relative to the caller, without extension. @param base the caller's import.meta.url. */
export function workerUrl(name: string, base: string): URL {
  return new URL(name + (base.endsWith('.ts') ? '.ts' : '.js'), base);
}
