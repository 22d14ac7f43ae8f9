// Random transcripts that make sense often enough: commands are drawn from what COMMAND DOCS says
// of their arguments (`src/command/facts.json`), words from small pools, so that keys meet their
// type, options meet each other, and mistakes come in all the places where a user makes them.

import fs from 'node:fs'
import { aboutUsers } from './random-users.mjs'

export const facts = JSON.parse(
  fs.readFileSync(new URL('../../src/command/facts.json', import.meta.url), 'utf8'),
)

const GROUPS = [
  'string',
  'generic',
  'hash',
  'list',
  'set',
  'sorted-set',
  'stream',
  'bitmap',
  'hyperloglog',
  'geo',
]

/** Every type under keys of its own, rebuilt now and then. */
export const SCENE = [
  'FLUSHALL',
  'SET text hello',
  'SET number 10',
  'SET bits "\\xff\\xff\\x00\\x01\\x80"',
  'PFADD seen a b c',
  'PFADD dense a f 1 2 3',
  'PFDEBUG TODENSE dense',
  'PFADD crowd {1..900}',
  'RPUSH list a b 1 2 a',
  'RPUSH long {1..300}',
  'HSET hash f 1 g v 1 2',
  'HSET wide {1..1200}',
  'SADD ints 1 2 3',
  'SADD words a b f',
  'ZADD scores 1 a 2 b 3 c',
  'ZADD ranks {1..400}',
  'ZADD lex 0 a 0 b 0 f 0 g',
  'GEOADD places 13.361389 38.115556 a 15.087269 37.502669 b 0 0 c 179.9 85 f -179.9 -85 g',
  'MSET w_1 3 w_2 1 w_a x w_b y w_3 1',
  'HSET h_1 f 2 g a',
  'HSET h_a f 1 g b',
  'XADD stream 1-1 f v',
  'XADD stream 2-1 f v g w',
  'XADD stream 3-7 f v',
  'XGROUP CREATE stream g1 0',
  'XGROUP CREATE stream g2 1-1 ENTRIESREAD 1',
  'XREADGROUP GROUP g1 ann COUNT 2 STREAMS stream >',
]
const COMMANDS_PER_SCENE = 15

const KEYS = {
  string: ['text', 'number'],
  bitmap: ['text', 'number', 'bits'],
  hyperloglog: ['seen', 'seen', 'dense', 'crowd'],
  hash: ['hash', 'wide'],
  list: ['list', 'long'],
  set: ['ints', 'words'],
  'sorted-set': ['scores', 'ranks'],
  stream: ['stream'],
  geo: ['places', 'scores', 'ranks'],
}
const SORTED_SETS = ['scores', 'ranks', 'lex', 'places']
const ALL_KEYS = [...new Set(Object.values(KEYS).flat()), 'missing', 'other']

const INTEGERS = ['0', '1', '2', '3', '-1', '-2', '5', '100', '-100', 'abc', '1.5', '""', '01']
const EXTREMES = [
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '4294967296',
]
const ENCODINGS = ['u8', 'u8', 'i8', 'u1', 'i4', 'u4', 'i64', 'u63', 'i5', 'u13', 'u64', 'u0', 'x']
const BITS = ['0', '1', '7', '8', '9', '17', '#0', '#1', '#2', '39', '40', '100', '-1', 'abc', '#']
const DOUBLES = ['0', '1', '2.5', '-1', '3', 'inf', '-inf', '1e3', 'abc', 'nan', '""', '.5', '10']
const PATTERNS = ['w_*', 'w_*', 'h_*->f', 'h_*->g', '#', 'nosort', '*', 'missing_*']
const DEGREES = ['0', '13.4', '15', '38', '-180', '180', '85', '-85', '-0.5', '90', 'abc']
const DISTANCES = ['0', '1', '200', '5000', '20000', '1e9', '12.5', '-1', 'inf', 'abc']
const TIMES = ['33177117420', '33177117420123', '1', '0', 'abc']
const STRINGS = [
  'a',
  'b',
  'c',
  'f',
  'g',
  '1',
  '2',
  '3',
  '""',
  '"\\x00\\xff"',
  '01',
  '{70*x}',
  '100',
]
const RANGES = [
  '0',
  '-1',
  '1',
  '2',
  '(1',
  '-inf',
  '+inf',
  '(2',
  '3',
  '-',
  '+',
  '[a',
  '(b',
  '[f',
  'abc',
]
const IDS = ['0', '0-0', '1-1', '2', '2-1', '3-7', '5-*', '9-9', '$', '-', '+', '(1-1', 'abc', '7']
const WORDS = [...STRINGS, ...INTEGERS, 'COUNT', 'NX', 'XX', 'LIMIT', 'WITHSCORES', 'FOO', 'GET']

/** Words for arguments of these names, whatever the command. */
const BY_NAME = {
  channel: ['news', 'sport', 'n1'],
  shardchannel: ['news', 'sport', 'n1'],
  message: ['hello', '"\\x00\\r\\n"', '""', '{3000*m}'],
  username: ['ann', 'ben', 'default', 'nobody'],
  rule: [
    'on',
    'off',
    '>secret',
    'nopass',
    '+get',
    '+@read',
    '-@write',
    '~w*',
    '%R~text',
    '&n*',
    'x!',
  ],
  category: ['read', 'write', 'string', 'nothing'],
  command: ['get', 'set', 'mget', 'nothing'],
  'connection-name': ['bob', 'a-b', '"a b"', '""'],
  group: ['g1', 'g2', 'g3'],
  consumer: ['ann', 'ben'],
}

/** Replies that chance or a private order of the server shapes. */
export const LOOKS = [
  [/^(spop|srandmember|hrandfield|zrandmember|randomkey)$/, '@any'],
  [/^(smembers|sinter|sunion|sdiff|keys|hkeys|hvals)$/, '@unordered'],
  [/^hgetall$/, '@unordered pairs'],
  [/^(sscan|scan|.scan .* NO(VALUES|SCORES)\b.*)$/, '@unordered scan'],
  [/^[hz]scan$/, '@unordered scan pairs'],
  [/^dump (?!text|number|list|long|scores|ranks)/, '@any'],
  [/^object.(freq|idletime)\b/, '@any'],
  [/^xinfo.(stream .*full|consumers)/i, '@any'],
  [/^xpending \S+ \S+ /, '@near 60000'],
]

/** Their replies tell the time that has passed. */
const CLOCKS = /^(h?p?ttl|p?expiretime)$/
/** What else a hash meets. */
const ANY_KEY = /^(copy|rename|renamenx|move|del|exists|type|persist|object.encoding|set|getdel)$/
/** May wait: played in a transaction, where nothing does. */
const WAITING = /^(b[lrz]|xread(group)?$)/

/**
 * The text of a transcript.
 * @param {string[]} names commands to draw from; those of other groups are left out
 * @param {number} seed
 * @param {number} length how many commands
 * @param {boolean} newer for a redis 8.0: hashes and keys, with what Valkey 8.0 lacks
 */
export function randomTranscript(names, seed, length, newer = false) {
  const drawn = names.filter((name) => (newer ? isOfHashes(name) : isCommon(name)))
  const users = !newer && names.some((name) => name.startsWith('acl|'))
  const dice = new Dice(seed)
  const lines = dice.chance(30) ? ['@resp3'] : []
  for (let i = 0; i < length; i++) {
    if (i % COMMANDS_PER_SCENE === 0) lines.push(...SCENE.map((line) => `> ${line}`))
    if (users && dice.chance(8)) {
      lines.push(...aboutUsers(dice, () => new Draft(dice.pick(drawn), dice).words()))
    }
    const name = dice.pick(drawn)
    const words = new Draft(name, dice).words()
    const command = `> ${words.join(' ')}`
    if (WAITING.test(name)) lines.push('> MULTI', command, '> EXEC')
    else {
      const line = [name, ...words.slice(1)].join(' ')
      const look = LOOKS.find(([pattern]) => pattern.test(line) || pattern.test(name))
      lines.push(...(look ? [look[1]] : []), command)
    }
    // A server turns the sorted sets that it sorts into big ones, which shows here and there.
    if (/^sort/.test(name)) lines.push(`> DEL ${SORTED_SETS.join(' ')}`)
    // What chance took is not there on either side.
    if (name === 'spop') lines.push('> DEL ints words text list', '> SADD ints 1 2 3')
  }
  return `${lines.join('\n')}\n`
}

/** Is it a command of every server whose reply neither the clock shapes nor its own words? */
function isCommon(name) {
  const known = facts[name]
  if (!known || known.origin || name.endsWith('|help')) return false
  return GROUPS.includes(known.docs.group) && !CLOCKS.test(name)
}

/** Is it a command of hashes, or of any key, that redis 8.0 has? */
function isOfHashes(name) {
  const { docs, origin } = facts[name] ?? {}
  if (!docs || CLOCKS.test(name) || (origin && !origin.startsWith('Redis'))) return false
  return docs.group === 'hash' || ANY_KEY.test(name)
}

/** Foretellable chance. */
export class Dice {
  #state

  constructor(seed) {
    this.#state = (seed * 2654435761) >>> 0 || 1
  }

  below(limit) {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state % limit
  }

  chance(percent) {
    return this.below(100) < percent
  }

  pick(list) {
    return list[this.below(list.length)]
  }
}

/** One command being made up. */
export class Draft {
  #dice
  #name
  #docs
  #words = []
  #keyCount
  #fieldCount

  constructor(name, dice) {
    this.#name = name
    this.#dice = dice
    this.#docs = facts[name].docs
  }

  words() {
    for (const argument of this.#docs.arguments ?? []) this.#argument(argument)
    this.#spoil()
    if (this.#name.endsWith('scan')) this.#scanAll()
    return [...this.#name.toUpperCase().split('|'), ...this.#words].map((word) =>
      this.#settle(word),
    )
  }

  #argument(argument) {
    const { flags = [], token, type } = argument
    if (flags.includes('optional') && !this.#dice.chance(40)) return
    let times = flags.includes('multiple') ? 1 + this.#dice.below(3) : 1
    if (type === 'key' && flags.includes('multiple') && this.#keyCount) times = this.#keyCount
    if (/^(field|data)$/.test(argument.name) && this.#fieldCount) times = this.#fieldCount
    for (let i = 0; i < times; i++) {
      if (token && type !== 'pure-token' && (i === 0 || flags.includes('multiple_token'))) {
        this.#words.push(token)
      }
      this.#value(argument)
    }
  }

  #value({ name, type, token, arguments: parts = [] }) {
    const dice = this.#dice
    if (type === 'pure-token') this.#words.push(token)
    else if (type === 'oneof') this.#argument(dice.pick(parts))
    else if (type === 'block') for (const part of parts) this.#argument(part)
    else if (name === 'numfields') {
      this.#fieldCount = 1 + dice.below(2)
      this.#words.push(dice.chance(95) ? String(this.#fieldCount) : dice.pick(INTEGERS))
    } else if (name === 'numkeys') {
      this.#keyCount = 1 + dice.below(2)
      this.#words.push(dice.chance(93) ? String(this.#keyCount) : dice.pick(INTEGERS))
    } else this.#words.push(this.#leaf(name, type))
  }

  #leaf(name, type) {
    const dice = this.#dice
    if (type === 'key') {
      const own = KEYS[this.#docs.group]
      return own && dice.chance(85) ? dice.pick(own) : dice.pick(ALL_KEYS)
    }
    if (BY_NAME[name] && type !== 'key' && type !== 'integer') return dice.pick(BY_NAME[name])
    if (name === 'cursor') return dice.pick(['0', '0', '0', '0', '00', 'abc', '-1'])
    // What is pending is idle for no time at all, or for more than a run takes.
    if (/^(min-idle-time|ms)$/.test(name)) return dice.pick(['0', '0', '200000', '-1', 'abc'])
    if (name === 'unix-time-milliseconds') return dice.pick(['33177117420123', '-1', 'abc'])
    // No deadline that could pass on one side alone.
    if (type === 'unix-time') return dice.pick(TIMES)
    // Deadlines of fields are told and compared: those must not depend on when they were given.
    const isOfFields = this.#docs.group === 'hash'
    if (isOfFields && /seconds$/.test(name)) return dice.pick(['0', '0', '-1', 'abc', '1.5'])
    if (/seconds$/.test(name)) return dice.pick(['100000', '200000', '0', '-1', 'abc', '1.5'])
    if (name === 'subcommand') return dice.pick(['ENCODING', 'DECODE', 'TODENSE', 'FOO'])
    if (name === 'encoding') return dice.pick(ENCODINGS)
    if (name === 'offset' && this.#docs.group === 'bitmap') return dice.pick(BITS)
    if (type === 'integer') return dice.chance(96) ? dice.pick(INTEGERS) : dice.pick(EXTREMES)
    if (/^(longitude|latitude)$/.test(name)) return dice.pick(DEGREES)
    if (/^(radius|circle|width|box|height)$/.test(name)) return dice.pick(DISTANCES)
    if (type === 'double') return dice.pick(DOUBLES)
    if (/^(by|get)-pattern$/.test(name)) return dice.pick(PATTERNS)
    if (type === 'pattern') return dice.pick(['*', 'a*', '?', '[ab]', '1*', 'f'])
    if (this.#docs.group === 'stream' && /id|start|end|threshold/.test(name)) return dice.pick(IDS)
    return /^(min|max|start|stop|end)$/.test(name) ? dice.pick(RANGES) : dice.pick(STRINGS)
  }

  /** Now and then a word too few, too many, or in the wrong place. */
  #spoil() {
    const dice = this.#dice
    const at = dice.below(this.#words.length + 1)
    if (dice.chance(4)) this.#words.splice(at, 1)
    if (dice.chance(4)) this.#words.splice(at, 0, dice.pick(WORDS))
    if (dice.chance(2)) this.#words.splice(at, 1, dice.pick(WORDS))
  }

  /** All in one step: where a server stops on the way, and goes on, is its own affair. */
  #scanAll() {
    const at = this.#name === 'scan' ? 0 : 1
    if (/^\d+$/.test(this.#words[at])) this.#words[at] = '0'
    this.#words.push('COUNT', '100000')
  }

  /** Leaves out what servers answer by accident, or by the clock. */
  #settle(word) {
    if (this.#name === 'xadd' && word === '*') return '7-7'
    // Where weights are equal, the order is that of the server's own tables.
    if (/^sort/.test(this.#name) && SORTED_SETS.includes(word)) {
      return this.#words.includes('ALPHA') && this.#words.includes('BY') ? 'long' : word
    }
    if (this.#name === 'lset' && EXTREMES.includes(word)) return '100'
    if (this.#bylex && ALL_KEYS.includes(word)) return 'lex'
    return word
  }

  /** Members in order mean something among equal scores alone. */
  get #bylex() {
    return /lex/.test(this.#name) || this.#words.includes('BYLEX')
  }
}
