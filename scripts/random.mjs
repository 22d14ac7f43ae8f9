// Plays random transcripts on valkey and through the addon, and fails where the two differ.
//
//   npm run random -- [--files 20] [--seed 1] [--length 300] [--server valkey|redis8]
//
// Beside a redis 8.0 (REDIS8_SERVER names it) it plays what hashes have had since Redis 7.4.
// A difference that is found belongs into a transcript of `__test__/golden`, and is repaired there.

import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { randomTranscript } from './lib/random-transcript.mjs'
import { available, playOn } from './lib/server.mjs'
import * as script from './lib/transcript.mjs'

const require = createRequire(import.meta.url)
const native = require('../lib/native')
const { Cast } = require('../__test__/lib/addon-cast')

/** Made here, or there for a reason (`docs/differences.md`). */
const NOT_COMPARED = ['migrate', 'wait', 'waitaof']

async function playHere(steps) {
  const cast = new Cast(script)
  try {
    return await script.play(steps, cast)
  } finally {
    cast.end()
  }
}

/** @returns {Promise<number>} how many replies differ */
async function compare(server, names, seed, length) {
  const text = randomTranscript(names, seed, length, server === 'redis8')
  const { layout, steps } = script.parse(text)
  const theirs = await playOn(server, steps)
  steps.forEach((step, at) => {
    step.expected = theirs[at] ?? []
  })
  const ours = await playHere(steps)
  const differing = steps.filter((_, at) => comparable(theirs[at]) !== comparable(ours[at]))
  if (differing.length === 0) return 0
  const file = path.join(os.tmpdir(), `random-${seed}.txt`)
  const recorded = layout.flatMap((part) => (typeof part === 'string' ? part : part.expected))
  fs.writeFileSync(file, `${recorded.join('\n')}\n`)
  const first = differing[0]
  console.log(`seed ${seed}: ${differing.length} replies differ; the first one (all in ${file}):`)
  console.log(`> ${first.words?.map(String).join(' ')}`)
  show('-', first.expected)
  show('+', ours[steps.indexOf(first)] ?? [])
  return differing.length
}

/** The beginning of a reply; the whole of it stands in the file. */
function show(mark, lines) {
  for (const line of lines.slice(0, 10)) console.log(`  ${mark} ${line}`)
  if (lines.length > 10) console.log(`  ${mark} ... ${lines.length - 10} lines more`)
}

/** A double crosses to JavaScript as a number: its digits are JavaScript's. */
function comparable(lines) {
  return lines
    ?.join('\n')
    .replace(/\(double\) (-?[\d.e+-]+)/g, (_, digits) => `(double) ${+digits}`)
}

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

async function main() {
  const at = process.argv.indexOf('--server')
  const server = at < 0 ? 'valkey' : process.argv[at + 1]
  if (!available(server)) return
  const rows = JSON.parse(native.commandTable())
  const names = rows.map(({ name }) => name).filter((name) => !NOT_COMPARED.includes(name))
  const [files, seed, length] = [option('files', 20), option('seed', 1), option('length', 300)]
  let differ = 0
  for (let i = 0; i < files; i++) differ += await compare(server, names, seed + i, length)
  console.log(`${files} random transcripts of ${length} commands, ${differ} replies differ`)
  if (differ) process.exitCode = 1
}

await main()
