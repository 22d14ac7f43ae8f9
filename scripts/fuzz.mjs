// Plays the same random scenes on latchkey and on real servers, over sockets, in RESP2 and RESP3,
// and compares what comes back byte for byte. What differs is shrunk to a short transcript.
//
//   npm run fuzz -- [--minutes 1 | --plays 300] [--seed n] [--length 60] [--report]
//
// valkey decides what is right; where redis 7.0 says something else than valkey, that is counted
// and no fault. --report writes docs/conformance.md. A failing play ends up in the folder for
// temporary files as a transcript: repaired, it belongs into `__test__/golden`.

import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { Results } from './lib/conformance.mjs'
import { randomPlay, transcriptOf } from './lib/random-play.mjs'
import { available, Server } from './lib/server.mjs'
import { shrink } from './lib/shrink.mjs'
import { difference, Stage } from './lib/stage.mjs'
import { show } from './lib/transcript.mjs'

const require = createRequire(import.meta.url)
const native = require('../lib/native')
const { Store } = require('..')

/** So many different faults are shown; more than that tells nothing new. */
const ENOUGH = 12

/** Plays are drawn and compared until the time is over. */
class Fuzzer {
  faults = new Map()

  constructor(stages, results) {
    ;[this.model, this.other, this.ours] = stages
    this.results = results
  }

  /** @param {{ theme: string, acts: import('./lib/random-play.mjs').Act[] }} play */
  async compare({ theme, acts }, seed) {
    const right = await this.model.play(acts)
    const redis = await this.other.play(acts, right)
    const here = await this.ours.play(acts, right)
    const end = this.#count(theme, acts, right, redis, here)
    if (end < 0) return
    const found = describe(acts[end], difference(acts[end], right[end], here[end]))
    const name = acts[end].name ?? 'pause'
    if (this.faults.has(name)) return
    this.faults.set(name, found)
    await this.#tell(acts.slice(0, end + 1), seed, name)
  }

  /** Books a play, up to the first difference; answers where that is. */
  #count(theme, acts, right, redis, here) {
    this.results.play(theme)
    for (const [at, act] of acts.entries()) {
      if (right[at].skipped || !(act.words || act.bytes)) continue
      if (right[at].at[act.who]?.some(isPeculiar)) return -1
      const differs = difference(act, right[at], here[at]) !== undefined
      const old = difference(act, right[at], redis[at]) !== undefined
      this.results.command(act, { differs, old })
      // From here on the two may hold different data.
      if (differs) return at
    }
    return -1
  }

  async #tell(acts, seed, name) {
    const fails = async (some) => {
      if (some.at(-1) !== acts.at(-1)) return false
      const [right, here] = await this.#twice(some)
      return difference(some.at(-1), right.at(-1), here.at(-1)) !== undefined
    }
    const short = (await fails(acts)) ? await shrink(acts, fails) : acts
    const [right, here] = await this.#twice(short)
    const frames = new Map(short.map((act, at) => [act, right[at]]))
    const text = transcriptOf(short, (act) => framesOf(frames.get(act), act))
    const file = path.join(os.tmpdir(), `latchkey-fuzz-${seed}.txt`)
    fs.writeFileSync(file, text)
    const found = difference(short.at(-1), right.at(-1), here.at(-1)) ?? this.faults.get(name)
    const shown = text.split('\n').map((line) => line.slice(0, 160))
    if (shown.length > 40) shown.splice(20, shown.length - 40, '...')
    console.log(`\nseed ${seed}, ${name}: ${file}\n${shown.join('\n').trimEnd()}`)
    for (const line of describe(short.at(-1), found)) console.log(line)
  }

  async #twice(acts) {
    const right = await this.model.play(acts)
    return [right, await this.ours.play(acts, right)]
  }
}

/**
 * Valkey 8.0.0 and 8.0.1 refuse to end subscriptions where there are none, which makes a transaction
 * fail too. What follows cannot be compared.
 */
function isPeculiar(frame) {
  return frame.raw.toString('latin1', 0, 7) === '-NOSUB '
}

function framesOf(frames, act) {
  return (frames?.at[act.who] ?? []).flatMap((frame) => show(frame, {}))
}

function describe(act, found) {
  if (Array.isArray(found)) return found
  const told = (mark, frames) => {
    const lines = frames.flatMap((frame) => show(frame, {})).slice(0, 12)
    return (lines.length ? lines : ['(nothing)']).map((line) => `  ${mark} ${line}`)
  }
  if (!found) return ['  (it does not happen again)']
  const whose = found.who === act.who ? [] : [`  client ${found.who} hears:`]
  return [...whose, ...told('- valkey  ', found.theirs), ...told('+ latchkey', found.ours)]
}

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

async function main() {
  if (!['valkey', 'redis'].every(available)) return
  const names = JSON.parse(native.commandTable()).map(({ name }) => name)
  const seed = option('seed', Date.now() % 1_000_000)
  const plays = option('plays', Number.POSITIVE_INFINITY)
  const minutes = option('minutes', plays === Number.POSITIVE_INFINITY ? 1 : 60)
  const until = Date.now() + minutes * 60_000
  const results = new Results()
  const servers = [await Server.start('valkey'), await Server.start('redis')]
  const store = new Store()
  const embedded = await store.listen({ port: 0 })
  const stages = [...servers.map(({ name, file }) => new Stage(name, file))]
  stages.push(new Stage('latchkey', embedded.port))
  const fuzzer = new Fuzzer(stages, results)
  console.log(`seed ${seed} and on, for ${minutes} minutes at most`)
  try {
    for (let i = 0; i < plays && Date.now() < until && fuzzer.faults.size < ENOUGH; i++) {
      await fuzzer.compare(randomPlay(names, seed + i, option('length', 60)), seed + i)
    }
  } finally {
    for (const stage of stages) stage.close()
    for (const server of servers) server.stop()
    await embedded.close()
    store.close()
  }
  console.log(`\n${results.summary()}`)
  if (process.argv.includes('--report')) results.write()
  if (fuzzer.faults.size > 0) process.exitCode = 1
}

await main()
