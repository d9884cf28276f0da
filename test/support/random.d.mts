export function randomOf(seed: number): () => number
export function drawsOf(random: () => number): {
  below(n: number): number
  oneOf<T>(choices: readonly T[]): T
}
