/**
 * Results that are nearly always at hand: a promise for each would cost more than the work. Whoever gets one looks
 * (`upon`) or simply awaits it.
 */

/** The value, or a promise of it. An error always comes as a rejection. */
export type Soon<T> = T | Promise<T>;

/** What `work` gives; what it throws, as a rejection. */
export function soon<T>(work: () => Soon<T>): Soon<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What `next` makes of the value: at once where it is at hand. */
export function upon<T, R>(soon: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return soon instanceof Promise ? soon.then(next) : next(soon);
}
