/** The part of the `benchmark` package that is used here; it brings no types. */
declare module 'benchmark' {
  interface Target {
    readonly name: string;
    /** Seconds for one call, and the relative margin of error in per cent. */
    readonly stats: { readonly mean: number; readonly rme: number };
    readonly error?: Error;
  }
  class Suite {
    add(name: string, run: () => unknown, options: { maxTime: number; minSamples?: number }): this;
    on(event: 'cycle', listener: (event: { readonly target: Target }) => void): this;
    run(): this;
  }
  const benchmark: { readonly Suite: typeof Suite };
  export default benchmark;
}
