// Plays the transcripts of `__test__/golden` against real servers and fails where a recording is
// not what the server says. With --record it writes what valkey says into the files instead, and
// beside it (`@redis7.0`) what redis 7.0 says where that differs.
//
//   npm run oracle -- [--record] [--server valkey|redis|redis8|valkey9|latchkey|all] [files or folders...]
//
// `--server latchkey` plays them over a socket of our own; nothing is recorded from that.
// With REDIS8_SERVER in the environment, what is `@only redis8` is compared with that server too;
// the same goes for VALKEY9_SERVER.
//
// Every file meets a fresh server, so no file can lean on another.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { available, BINARIES, playOn } from './lib/server.mjs'
import { parse } from './lib/transcript.mjs'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')
const GOLDEN = path.join(ROOT, '__test__', 'golden')
/** A file that waits for the real clock may lose a race on a busy machine; it may try again. */
const TRIES_WITH_A_CLOCK = 4

/** What the file says the server answers: redis has its own lines where they were recorded. */
function recorded(step, name) {
  return name === 'redis' && step.redis.length ? step.redis : step.expected
}

/** Servers that are asked only for what is theirs alone. */
const NEWER = ['redis8', 'valkey9']

/** Is the server an authority on this step? A newer one is on what only it has. */
function isHeard(step, name) {
  return !NEWER.includes(name) || step.only === name
}

function agrees(step, lines, said) {
  if (lines.join('\n') === said.join('\n')) return true
  if (step.near === undefined || lines.length !== said.length) return false
  return lines.every((line, at) => line === said[at] || isNear(line, said[at], step.near))
}

/** Two lines that differ in their integer alone, and not by much. */
function isNear(line, said, most) {
  const [mine, theirs] = [line, said].map((each) => /^(.*\(integer\) )(-?\d+)$/.exec(each))
  return mine?.[1] === theirs?.[1] && Math.abs(mine?.[2] - theirs?.[2]) <= most
}

/** Plays one file on one server. @returns {Promise<{ printed, faults: string[] }>} */
async function check(file, transcript, name) {
  const tries = transcript.steps.some((step) => step.kind === 'advance') ? TRIES_WITH_A_CLOCK : 1
  let faults = []
  let printed
  for (let i = 0; i < tries; i++) {
    printed = await playOn(name, transcript.steps)
    faults = transcript.steps.flatMap((step, at) => {
      const said = printed[at]
      if (!said || !isHeard(step, name) || agrees(step, recorded(step, name), said)) return []
      return [complain(file, step, name, recorded(step, name), said)]
    })
    if (faults.length === 0) break
  }
  return { printed, faults }
}

function complain(file, step, name, lines, said) {
  const where = `${path.relative(ROOT, file)}:${step.line}`
  const marked = [...lines.map((line) => `  - ${line}`), ...said.map((line) => `  + ${line}`)]
  return `${where} (- recorded, + ${name})\n${marked.join('\n')}`
}

/** Writes valkey's answers into the file, and redis's where they are not the same. */
function record(file, transcript, heard) {
  const { valkey, redis } = heard
  const replies = new Map(transcript.steps.map((step, at) => [step, at]))
  const lines = transcript.layout.flatMap((part) => {
    if (typeof part === 'string') return [part]
    const at = replies.get(part)
    const said = (NEWER.includes(part.only) ? heard[part.only] : valkey)?.[at]
    // A number within @near stays as written: the manual clock of the other runners is exact.
    const kept = said === undefined || agrees(part, part.expected, said) ? part.expected : said
    const other = redis?.[at]
    if (part.only === 'redis') return other ?? part.expected
    const differs = other && !agrees(part, kept, other)
    const theirs = redis ? (differs ? other : []) : part.redis
    return [...kept, ...theirs.map((line) => `@redis7.0 ${line}`)]
  })
  fs.writeFileSync(file, `${lines.join('\n')}\n`)
}

function transcripts(paths) {
  return paths
    .flatMap((each) => {
      if (!fs.statSync(each).isDirectory()) return [each]
      return transcripts(
        fs
          .readdirSync(each)
          .sort()
          .map((name) => path.join(each, name)),
      )
    })
    .filter((file) => file.endsWith('.txt'))
}

function options(words) {
  const others = Object.keys(BINARIES).filter((name) => name !== 'latchkey')
  const given = { record: false, servers: others, paths: [] }
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '--record') given.record = true
    else if (words[i] === '--server') {
      const name = words[++i]
      if (name !== 'all') given.servers = [name]
    } else given.paths.push(path.resolve(words[i]))
  }
  if (given.paths.length === 0) given.paths.push(GOLDEN)
  return given
}

async function main() {
  const { record: recording, servers, paths } = options(process.argv.slice(2))
  const present = servers.filter(available)
  const files = transcripts(paths)
  let replies = 0
  let faulty = 0
  const one = async (file) => {
    const transcript = parse(fs.readFileSync(file, 'utf8'))
    const heard = {}
    const wanted = (name) => transcript.steps.some((step) => isHeard(step, name))
    for (const name of present.filter(wanted)) {
      const { printed, faults } = await check(file, transcript, name)
      heard[name] = printed
      replies += printed.filter((said, at) => said && isHeard(transcript.steps[at], name)).length
      if (recording || faults.length === 0) continue
      faulty += faults.length
      console.log(faults.join('\n'))
    }
    if (recording) record(file, transcript, heard)
  }
  const queue = [...files]
  const worker = async () => {
    while (queue.length) {
      const file = queue.shift()
      try {
        await one(file)
      } catch (error) {
        throw new Error(`${path.relative(ROOT, file)}: ${error.message}`, { cause: error })
      }
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker))
  console.log(
    `${files.length} transcripts, ${replies} replies of ${present.join(' and ') || 'no server'}, ${faulty} differ`,
  )
  if (faulty) process.exitCode = 1
}

await main()
