// A server that plays are played on, one after the other: it is emptied between them, and every
// play opens connections of its own. The first server to play decides what there is to wait for:
// how many frames arrived where, and who was waiting; the others are given the time to do the same.

import { setTimeout as pause } from 'node:timers/promises'
import { Connection } from './server.mjs'
import { DEFAULTS } from './random-play.mjs'
import { show } from './transcript.mjs'

/** How long a server may take for a frame that another one has sent. */
const PATIENCE_MS = 400
const EMPTY = [['FLUSHALL'], ['FUNCTION', 'FLUSH'], ['ACL', 'DELUSER', 'ann', 'ben']]

export class Stage {
  #at
  #control
  #connections = new Map()

  /** @param {string} name @param {string | object} at where net.connect() goes */
  constructor(name, at) {
    this.name = name
    this.#at = at
  }

  /**
   * @param {import('./random-play.mjs').Act[]} acts
   * @param {Frames[]} [model] what another server did
   * @returns {Promise<Frames[]>} what arrived where after each act
   * @typedef {{ skipped?: boolean, waits?: number, closed?: boolean,
   *   at: Record<string, import('./resp.mjs').Reply[]> }} Frames
   */
  async play(acts, model) {
    await this.#empty()
    const happened = []
    const waiting = new Set()
    for (const [at, act] of acts.entries()) {
      const frames = await this.#perform(act, model?.[at], waiting)
      happened.push(frames)
    }
    for (const connection of this.#connections.values()) connection.socket.destroy()
    this.#connections.clear()
    return happened
  }

  async #perform(act, wanted, waiting) {
    if (act.pauseMs) await pause(act.pauseMs)
    const connection = await this.#connection(act.who)
    if (act.protocol) {
      connection.write(['HELLO', String(act.protocol)].map((word) => Buffer.from(word)))
      await connection.next([connection.replies], PATIENCE_MS)
      return { at: {} }
    }
    // Who waits would only queue the command; who is gone has nobody to ask.
    const skipped = wanted ? wanted.skipped : waiting.has(act.who) || connection.closed
    if (skipped) return { skipped, at: {} }
    if (act.words) connection.write(act.words)
    if (act.bytes) connection.socket.write(act.bytes)
    if (!wanted) {
      const at = await this.#listen(act, waiting)
      return { at, waits: waiting.size, closed: connection.closed }
    }
    // Two connections have no order of their own: who shall wait has to do so before the next act.
    if (act.words && !wanted.at[act.who] && !wanted.closed) await this.#untilWaiting(wanted.waits)
    const at = await this.#collect(wanted.at)
    for (let ms = 0; wanted.closed && !connection.closed && ms < PATIENCE_MS; ms += 5)
      await pause(5)
    return { at, closed: connection.closed }
  }

  async #untilWaiting(count) {
    for (let tries = 0; tries < 30; tries++) {
      const { value } = await this.#ask(['INFO', 'clients'])
      if (Number(/blocked_clients:(\d+)/.exec(String(value))?.[1]) >= count) return
    }
  }

  /** As the first server: what is there when all has been read that was written. */
  async #listen({ who: actor, words, bytes }, waiting) {
    const who = words || bytes ? actor : undefined
    const sender = this.#connections.get(who)
    const alone =
      !bytes && waiting.size === 0 && ![...this.#connections.values()].some((one) => one.listens)
    let first
    if (sender) first = await sender.next([sender.replies], 3)
    if (!first || !alone) await this.#settle()
    const at = {}
    for (const [name, connection] of this.#connections) {
      const frames = connection.replies.splice(0)
      if (name === who && first) frames.unshift(first)
      if (frames.length) at[name] = frames
      if (frames.length && waiting.has(name)) waiting.delete(name)
      if (frames.some((frame) => isSubscription(frame))) connection.listens = true
    }
    if (words && !at[who] && !sender.closed) waiting.add(who)
    return at
  }

  async #collect(wanted) {
    const at = {}
    for (const [name, frames] of Object.entries(wanted)) {
      const connection = await this.#connection(name)
      at[name] = []
      while (at[name].length < frames.length) {
        const frame = await connection.next([connection.replies], PATIENCE_MS)
        if (!frame) break
        at[name].push(frame)
      }
    }
    for (const [name, connection] of this.#connections) {
      // More than was wanted: it is told with the act after which it was seen.
      if (connection.replies.length)
        at[name] = [...(at[name] ?? []), ...connection.replies.splice(0)]
    }
    return at
  }

  async #connection(who) {
    const known = this.#connections.get(who)
    if (known) return known
    const fresh = await Connection.open(this.#at)
    // One queue for all: in which order they come is part of what is compared.
    fresh.pushes = fresh.replies
    this.#connections.set(who, fresh)
    return fresh
  }

  async #settle() {
    for (let round = 0; round < 3; round++) await this.#ask(['PING'])
  }

  async #ask(words) {
    this.#control ??= await Connection.open(this.#at)
    this.#control.write(words.map((word) => Buffer.from(word)))
    const reply = await this.#control.next([this.#control.replies], 10_000)
    if (!reply) throw new Error(`${this.name} does not answer ${words[0]}`)
    return reply
  }

  async #empty() {
    for (const words of [...EMPTY, ...DEFAULTS]) await this.#ask(words)
  }

  close() {
    this.#control?.socket.destroy()
  }
}

function isSubscription({ value }) {
  return Array.isArray(value) && /subscribe$/.test(String(value[0]?.value))
}

/**
 * What two servers told differently after one act, or nothing.
 * @param {import('./random-play.mjs').Act} act
 */
export function difference(act, theirs, ours) {
  const clients = new Set([...Object.keys(theirs.at), ...Object.keys(ours.at)])
  for (const who of clients) {
    const [left, right] = [theirs.at[who] ?? [], ours.at[who] ?? []]
    const same = left.length === right.length && left.every((one, i) => equal(act, one, right[i]))
    if (!same) return { who, theirs: left, ours: right }
  }
  if (theirs.closed !== ours.closed && !theirs.skipped) {
    const told = ({ closed }) => [{ kind: closed ? 'closed' : 'open' }]
    return { who: act.who, theirs: told(theirs), ours: told(ours) }
  }
  return undefined
}

function equal(act, left, right) {
  if (left.raw.equals(right.raw)) return true
  if (act.look === undefined) return false
  if (act.look === 'skip') return true
  if (act.look === 'clock') return near(left, right)
  const [word, ...rest] = act.look.split(' ')
  const step = {
    any: word === 'any',
    unordered: word === 'unordered' && (rest.join(' ') || 'plain'),
  }
  const [mine, theirs] = [left, right].map((reply) => show(reply, step).join('\n'))
  return mine === theirs
}

function near(left, right) {
  const [mine, theirs] = [left.value, right.value].map(Number)
  return left.kind === right.kind && Math.abs(mine - theirs) <= 1000 && mine > 0 === theirs > 0
}
