// Makes a failing list as short as it still fails: whole stretches are left out first, then single
// elements, until nothing can go (Zeller's delta debugging, without its complements).

/**
 * @template T
 * @param {T[]} list
 * @param {(list: T[]) => Promise<boolean>} fails
 * @returns {Promise<T[]>}
 */
export async function shrink(list, fails) {
  let kept = list
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length; ) {
      const shorter = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (shorter.length < kept.length && (await fails(shorter))) kept = shorter
      else from += size
    }
  }
  return kept
}
