/** Plain text tables, and the figures in them. */

export function printTable(head, rows) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)))
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    )
    console.log(`  ${cells.join('  ')}`.trimEnd())
  }
}

/** 7 654 321 as `7.65M`. */
export function rate(perSecond) {
  if (perSecond === undefined) return '-'
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)}M`
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)}k`
  return perSecond.toFixed(0)
}

export function ratio(ours, theirs) {
  if (ours === undefined || theirs === undefined) return '-'
  const times = ours / theirs
  return `${times.toFixed(times < 10 ? 2 : 0)}×`
}
