// Real servers to compare with: each started for one transcript, on a Unix socket in a temporary
// folder, and killed after it. VALKEY_SERVER and REDIS_SERVER name the binaries where PATH does
// not have them. REDIS8_SERVER names a redis-server 8.0, VALKEY9_SERVER a valkey-server 9.1, which
// have commands that the two lack; nobody has to have one.

import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { Decoder, encode } from './resp.mjs'
import { answersWithPushes, BLOCKED, CLOSED, NOTHING, play } from './transcript.mjs'

/** Our own server: a store behind a socket, with a clock that is moved. */
const OWN = fileURLToPath(new URL('./own-server.mjs', import.meta.url))

export const BINARIES = {
  valkey: process.env.VALKEY_SERVER || 'valkey-server',
  redis: process.env.REDIS_SERVER || 'redis-server',
  latchkey: process.execPath,
  ...(process.env.REDIS8_SERVER && { redis8: process.env.REDIS8_SERVER }),
  ...(process.env.VALKEY9_SERVER && { valkey9: process.env.VALKEY9_SERVER }),
}

/** One connection: what it was told and has not been asked for yet, in order. */
export class Connection {
  replies = []
  pushes = []
  closed = false
  #decoder = new Decoder()
  #wake = () => {}

  /** @param {string | number} at a socket's file, or a port */
  static async open(at) {
    const connection = new Connection()
    const socket = net.connect(/** @type {any} */ (at))
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
export class Server {
  #connections = new Map()

  static async start(name) {
    const server = new Server()
    server.name = name
    server.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'oracle-'))
    server.file = path.join(server.dir, 's')
    running.add(server)
    const flags = ['--port', '0', '--unixsocket', server.file, '--save', '', '--appendonly', 'no']
    flags.push('--enable-debug-command', 'yes')
    if (name === 'latchkey') {
      // what is only for others of which we are more than one is for us
      server.like = ['valkey', 'redis8', 'valkey9']
      server.process = fork(OWN, [server.file])
    } else {
      server.process = spawn(BINARIES[name], [...flags, '--dir', server.dir], { stdio: 'ignore' })
    }
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

  async send(who, words, step) {
    const connection = await this.#connection(who)
    if (connection.replies.length)
      throw new Error(`connection ${who} has replies that no < line took`)
    connection.write(words)
    const queues = answersWithPushes(words)
      ? [connection.pushes, connection.replies]
      : [connection.replies]
    // A busy machine may be late; what was recorded as waiting is not waited for.
    const late = step?.expected[0] === '(blocked)' ? 0 : 300
    const reply =
      (await connection.next(queues, 4)) ??
      (await this.#settle(connection, queues)) ??
      (await connection.next(queues, late))
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
    if (this.name !== 'latchkey') return pause(ms + 4)
    const moved = once(this.process, 'message')
    this.process.send(ms)
    await moved
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

/** Plays steps on a fresh server. */
export async function playOn(name, steps) {
  const server = await Server.start(name)
  try {
    return await play(steps, server)
  } finally {
    server.stop()
  }
}

/** Is the server's binary here? In CI it has to be. */
export function available(name) {
  const found = spawnSync(BINARIES[name], ['--version']).status === 0
  if (!found) {
    console.log(`${process.env.CI ? 'failed' : 'skipped'}: no ${BINARIES[name]} on this machine`)
    if (process.env.CI) process.exitCode = 1
  }
  return found
}
