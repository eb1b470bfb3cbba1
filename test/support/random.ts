/** Numbers that a seed repeats: STRONGROOM_SEED, or one that the test prints. */

export const seed: number = Number(process.env.STRONGROOM_SEED ?? Date.now() % 1_000_000);

/** Park and Miller's generator: 0 to 1. */
export function generator(start: number): () => number {
  let state = (start % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
