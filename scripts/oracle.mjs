// Plays the transcripts of `__test__/golden` against real servers and fails where a recording is
// not what the server says. With --record it writes what valkey says into the files instead, and
// beside it (`@redis7.0`) what redis 7.0 says where that differs.
//
//   npm run oracle -- [--record] [--server valkey|redis|all] [files or folders...]
//
// Every file meets a fresh server, on a Unix socket in a temporary folder, so no file can lean
// on another. VALKEY_SERVER and REDIS_SERVER name the binaries where PATH does not have them.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Decoder, encode } from './lib/resp.mjs'
import { answersWithPushes, BLOCKED, CLOSED, NOTHING, parse, play } from './lib/transcript.mjs'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')
const GOLDEN = path.join(ROOT, '__test__', 'golden')
const BINARIES = {
  valkey: process.env.VALKEY_SERVER || 'valkey-server',
  redis: process.env.REDIS_SERVER || 'redis-server',
}
/** A file that waits for the real clock may lose a race on a busy machine; it may try again. */
const TRIES_WITH_A_CLOCK = 4

/** One connection: what it was told and has not been asked for yet, in order. */
class Connection {
  replies = []
  pushes = []
  closed = false
  #decoder = new Decoder()
  #wake = () => {}

  static async open(file) {
    const connection = new Connection()
    const socket = net.connect(file)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    connection.socket = socket
    socket.on('data', (chunk) => connection.#take(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      connection.closed = true
      connection.#wake()
    })
    return connection
  }

  #take(chunk) {
    for (const reply of this.#decoder.push(chunk)) {
      const queue = reply.kind === 'push' ? this.pushes : this.replies
      queue.push(reply)
    }
    this.#wake()
  }

  write(words) {
    this.socket.write(encode(words))
  }

  /** The next of `queues` within `ms`, or undefined. */
  async next(queues, ms) {
    const until = Date.now() + ms
    for (;;) {
      const queue = queues.find((each) => each.length)
      if (queue) return queue.shift()
      const left = until - Date.now()
      if (this.closed || left <= 0) return undefined
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

/** A server of its own and the connections a transcript opens to it. */
class Server {
  #connections = new Map()

  static async start(name) {
    const server = new Server()
    server.name = name
    server.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oracle-'))
    server.file = path.join(server.dir, 's')
    running.add(server)
    const flags = ['--port', '0', '--unixsocket', server.file, '--save', '', '--appendonly', 'no']
    server.process = spawn(BINARIES[name], [...flags, '--dir', server.dir], { stdio: 'ignore' })
    for (let tries = 0; ; tries++) {
      try {
        server.control = await Connection.open(server.file)
        return server
      } catch (error) {
        if (tries > 500) throw error
        await pause(10)
      }
    }
  }

  stop() {
    this.process?.kill('SIGKILL')
    fs.rmSync(this.dir, { recursive: true, force: true })
    running.delete(this)
  }

  async #connection(who) {
    const known = this.#connections.get(who)
    if (known && !known.closed) return known
    const fresh = await Connection.open(this.file)
    this.#connections.set(who, fresh)
    return fresh
  }

  async send(who, words) {
    const connection = await this.#connection(who)
    if (connection.replies.length)
      throw new Error(`connection ${who} has replies that no < line took`)
    connection.write(words)
    const queues = answersWithPushes(words)
      ? [connection.pushes, connection.replies]
      : [connection.replies]
    const reply = (await connection.next(queues, 4)) ?? (await this.#settle(connection, queues))
    return reply ?? (connection.closed ? CLOSED : BLOCKED)
  }

  async receive(who, step) {
    // One that ended is not opened anew here: that it ended is what there is to hear.
    const connection = this.#connections.get(who) ?? (await this.#connection(who))
    const queues = [connection.pushes, connection.replies]
    const hoped = step.expected.length > 0 && step.expected[0] !== '(nothing)'
    const reply =
      (await this.#settle(connection, queues)) ?? (await connection.next(queues, hoped ? 1000 : 20))
    return reply ?? (connection.closed ? CLOSED : NOTHING)
  }

  /**
   * Waits until the server has surely seen all that was written before: it answers pings on
   * another connection only after it has read what lay ready, so silence then means blocked.
   */
  async #settle(connection, queues) {
    for (let round = 0; round < 4; round++) {
      this.control.write([Buffer.from('PING')])
      await this.control.next([this.control.replies], 5000)
      await turn()
    }
    return connection.next(queues, 0)
  }

  async advance(ms) {
    await pause(ms + 4)
  }

  async protocol(who, version) {
    const connection = await this.#connection(who)
    connection.write([Buffer.from('HELLO'), Buffer.from(String(version))])
    await connection.next([connection.replies], 1000)
  }
}

/** Servers alive now, so that none outlives us whatever happens. */
const running = new Set()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
process.on('exit', () => {
  for (const server of running) server.stop()
})

async function playOn(name, steps) {
  const server = await Server.start(name)
  try {
    return await play(steps, server)
  } finally {
    server.stop()
  }
}

/** What the file says the server answers: redis has its own lines where they were recorded. */
function recorded(step, name) {
  return name === 'redis' && step.redis.length ? step.redis : step.expected
}

function agrees(step, lines, said) {
  if (lines.join('\n') === said.join('\n')) return true
  const [mine, theirs] = [lines, said].map((each) => /^\(integer\) (-?\d+)$/.exec(each[0])?.[1])
  return step.near !== undefined && Math.abs(mine - theirs) <= step.near
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
      if (!said || agrees(step, recorded(step, name), said)) return []
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
function record(file, transcript, valkey, redis) {
  const replies = new Map(transcript.steps.map((step, at) => [step, at]))
  const lines = transcript.layout.flatMap((part) => {
    if (typeof part === 'string') return [part]
    const at = replies.get(part)
    const said = valkey ? valkey[at] : undefined
    // A number within @near stays as written: the manual clock of the other runners is exact.
    const kept = said === undefined || agrees(part, part.expected, said) ? part.expected : said
    const other = redis ? redis[at] : undefined
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

function available(name) {
  const found = spawnSync(BINARIES[name], ['--version']).status === 0
  if (!found) {
    console.log(`${process.env.CI ? 'failed' : 'skipped'}: no ${BINARIES[name]} on this machine`)
    if (process.env.CI) process.exitCode = 1
  }
  return found
}

function options(words) {
  const given = { record: false, servers: Object.keys(BINARIES), paths: [] }
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
    for (const name of present) {
      const { printed, faults } = await check(file, transcript, name)
      heard[name] = printed
      replies += printed.filter(Boolean).length
      if (recording || faults.length === 0) continue
      faulty += faults.length
      console.log(faults.join('\n'))
    }
    if (recording) record(file, transcript, heard.valkey, heard.redis)
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
