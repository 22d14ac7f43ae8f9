// Random plays: several clients, each with a protocol of its own, that get in each other's way.
// What one command looks like is `random-transcript.mjs`'s; here they meet: transactions that are
// watched, clients that wait until another one pushes, subscribers, users, keys that die.
//
// A play is a list of acts, which a shrinker may thin out: none needs another to be there.

import { randomScript } from './random-script.mjs'
import { Dice, Draft, facts, LOOKS, SCENE } from './random-transcript.mjs'
import { encode } from './resp.mjs'
import { splitWords } from './transcript.mjs'

const CLIENTS = ['a', 'b', 'c']

/** What a play is about, and how often one is drawn. */
const THEMES = [
  'string',
  'bitmap',
  'hash',
  'list',
  'set',
  'sorted-set',
  'stream',
  'geo',
  'hyperloglog',
  'generic',
  'transactions',
  'pubsub',
  'connection',
  'server',
  'cluster',
]

/** Every play has some of these, whatever it is about. */
const COMPANY = ['generic', 'transactions', 'string', 'connection']

/** Not drawn: they end the server or wait for the clock, or all they answer is the machine's. */
const LEFT_OUT =
  /^(shutdown|debug|monitor|p?sync|replconf|failover|replicaof|slaveof|migrate|save|bgsave|bgrewriteaof|lastsave|waitaof|wait|restore-asking|pfselftest|pfdebug|auth|hello|quit|swapdb|xsetid|latency.*|slowlog.*|module.*|memory\|(doctor|malloc-stats|stats|purge)|config.*|command.*|info|lolwut|time|role|acl\|(load|save|log|setuser|deluser|cat)|cluster\|(?!keyslot|help|info).*|client\|(kill|pause|unpause|list|info|id|reply|unblock|tracking|caching|capa|setinfo|no-evict|getredir|trackinginfo)|subscribe|psubscribe|ssubscribe|.*\|help)$/

/** Their replies tell the time that has passed. */
const CLOCKS = /^(h?p?ttl|h?p?expiretime)$/
/** Their replies hold addresses, numbers of the machine, or chance. */
const SHAPES = /^(memory\|usage|object\|(freq|idletime|refcount)|acl\|genpass|client\|id|xinfo.*)$/
const WAITS = /^(b[lrz].*|xread|xreadgroup)$/

/** Words that bring the clients together. */
const MEETINGS = [
  'MULTI',
  'EXEC',
  'EXEC',
  'DISCARD',
  'WATCH text list',
  'WATCH missing',
  'UNWATCH',
  'SUBSCRIBE news',
  'PSUBSCRIBE n*',
  'SSUBSCRIBE sport',
  'UNSUBSCRIBE news',
  'PUNSUBSCRIBE',
  'PUBLISH news hello',
  'SPUBLISH sport {2000*m}',
  'RESET',
  'SELECT 1',
  'SELECT 0',
  'SWAPDB 0 1',
  'BLPOP missing other 0',
  'BRPOP list missing 0',
  'BLMOVE missing other LEFT RIGHT 0',
  'BZPOPMIN missing 0',
  'XREAD BLOCK 0 STREAMS stream missing $ $',
  'BLPOP missing 0.02',
  'LPUSH missing x y',
  'RPUSH missing x',
  'ZADD missing 1 a',
  'XADD missing 9-9 f v',
  'DEL missing other',
  'SET missing x',
  'SET text x PX 1',
  'PEXPIRE list 1',
  'PEXPIREAT hash 1',
  'FLUSHALL',
  'FLUSHDB ASYNC',
  'GET',
  'NOSUCH a b',
  'CLIENT NOSUCH',
  'CONFIG SET list-max-listpack-size 4',
  'CONFIG SET hash-max-listpack-entries 2',
  'CONFIG SET zset-max-listpack-entries 3',
  'CONFIG SET set-max-intset-entries 2',
  'CONFIG SET set-max-listpack-entries 3',
  'CONFIG SET set-max-listpack-value 4',
]

/** Bytes that are no array of strings, or no request at all. */
const RAW = [
  'PING\r\n',
  'PING\n',
  '\r\n',
  'SET text "a b"\r\n',
  "GET 'te\\'xt'\r\n",
  'GET "\\x74ext"\r\n',
  '  ECHO   hello  \r\n',
  'GET "open\r\n',
  'GET "a"b\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*abc\r\n',
  '*1\r\nPING\r\n',
  '*1\r\n$-1\r\n',
  '*1\r\n$abc\r\n',
  '*1\r\n$600000000\r\n',
  '*1048577\r\n',
  '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n',
  '*2\r\n$3\r\nGET\r\n$4\r\ntextXX*1\r\n$4\r\nPING\r\n',
  '*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$4\r\nPING\r\n',
  '*99999999999999999999\r\n',
]

/** What the settings that plays change go back to. */
export const DEFAULTS = [
  'CONFIG SET list-max-listpack-size -2',
  'CONFIG SET hash-max-listpack-entries 512',
  'CONFIG SET zset-max-listpack-entries 128',
  'CONFIG SET set-max-intset-entries 512',
  'CONFIG SET set-max-listpack-entries 128',
  'CONFIG SET set-max-listpack-value 64',
].map((line) => splitWords(line))

/**
 * One thing that happens.
 * @typedef {{ who: string, name?: string, group?: string, line?: string, words?: Buffer[],
 *   look?: string, pauseMs?: number, protocol?: number, bytes?: Buffer }} Act
 */

/**
 * @param {string[]} known the commands that may be drawn, as the table names them
 * @param {number} seed
 * @param {number} length how many commands
 * @returns {{ theme: string, acts: Act[] }}
 */
export function randomPlay(known, seed, length) {
  const dice = new Dice(seed)
  const names = known.filter((name) => facts[name] && !facts[name].origin && !LEFT_OUT.test(name))
  const theme = dice.pick(THEMES)
  const about = names.filter((name) => facts[name].docs.group === theme)
  const company = names.filter((name) => COMPANY.includes(facts[name].docs.group))
  const acts = CLIENTS.map((who) => ({ who, protocol: dice.chance(50) ? 3 : 2 }))
  for (const line of SCENE.slice(1)) acts.push(act('a', line))
  for (let i = 0; i < length; i++) {
    const who = dice.pick(['a', 'a', 'a', 'b', 'b', 'c'])
    if (dice.chance(18)) acts.push(...meeting(who, dice.pick(MEETINGS)))
    else if (dice.chance(6)) acts.push(act(who, `EVAL "${randomScript(dice)}" 0`))
    else if (dice.chance(2)) acts.push(bytesOf(who, dice.pick(RAW)))
    else if (dice.chance(3)) acts.push(burst(who, about.length ? about : company, dice))
    else {
      const from = dice.chance(75) && about.length ? about : company
      acts.push(...drawn(who, dice.pick(from), dice))
    }
    if (dice.chance(2)) acts.push({ who, pauseMs: 5 })
  }
  veil(acts)
  return { theme, acts: acts.flatMap(pauseBehindExec()) }
}

/** What a transaction answers cannot be compared if one of its commands cannot. */
function veil(acts) {
  const veiled = new Map()
  for (const one of acts) {
    if (one.name === 'multi') veiled.set(one.who, veiled.get(one.who) ?? false)
    else if (/^(exec|discard|reset)$/.test(one.name)) {
      if (one.name === 'exec' && veiled.get(one.who)) one.look = 'skip'
      veiled.delete(one.who)
    } else if (one.look && veiled.has(one.who)) veiled.set(one.who, true)
  }
}

/** What a transaction lets die soon begins to when it is run: it is waited for there once more. */
function pauseBehindExec() {
  const soon = new Set()
  return (one) => {
    if (DIES_SOON.test(one.line)) soon.add(one.who)
    const runs = one.name === 'exec' && soon.delete(one.who)
    return runs ? [one, { who: one.who, pauseMs: 5 }] : [one]
  }
}

const DIES_SOON = /PX 1$|^PEXPIRE /

/** What dies is dead, and who gives up has done so, before anybody looks: clocks differ. */
function meeting(who, line) {
  if (/ 0\.02$/.test(line)) return [act(who, line), { who, pauseMs: 150 }]
  if (!DIES_SOON.test(line)) return [act(who, line)]
  return [act(who, line), { who, pauseMs: 5 }, act(who, 'EXISTS text list')]
}

/** @returns {Act} */
function act(who, line) {
  const words = splitWords(line)
  const [first, second] = words.map((word) => word.toString().toLowerCase())
  const name = facts[`${first}|${second}`] ? `${first}|${second}` : first
  return { who, name, group: facts[name]?.docs.group, line, words, ...lookOf(name, line) }
}

function bytesOf(who, text) {
  const line = JSON.stringify(text)
  return {
    who,
    name: 'bytes',
    group: 'protocol',
    line: `bytes ${line}`,
    bytes: Buffer.from(text, 'latin1'),
  }
}

/** Several commands in one piece. */
function burst(who, names, dice) {
  const plain = names.filter(
    (name) => !WAITS.test(name) && !/^(spop|sort|sort_ro|discard|exec|multi)$/.test(name),
  )
  const parts = Array.from({ length: 2 + dice.below(4) }, () => {
    return drawn(who, plain.length ? dice.pick(plain) : 'ping', dice)[0]
  })
  const comparable = parts.every(({ look }) => look === undefined)
  return {
    who,
    name: 'pipeline',
    group: 'protocol',
    line: parts.map(({ line }) => line).join(' ; '),
    bytes: Buffer.concat(parts.map(({ words }) => encode(words))),
    ...(comparable ? {} : { look: 'skip' }),
  }
}

function drawn(who, name, dice) {
  const [head, ...rest] = new Draft(name, dice).words()
  let words = [...head.split('|'), ...rest]
  // A clock decides when it ends; for ever is the same everywhere.
  if (WAITS.test(name)) words = words.map((word, at) => (isTimeout(words, at) ? '0' : word))
  const acts = [act(who, words.join(' '))]
  // A server turns the sorted sets that it sorts into big ones.
  if (/^sort/.test(name)) acts.push(act(who, 'DEL scores ranks lex places'))
  // What chance took is not there on either side.
  if (name === 'spop') acts.push(act(who, 'DEL ints words text list other missing'))
  return acts
}

function isTimeout(words, at) {
  const before = words[at - 1]?.toUpperCase()
  if (/^B[LRZ](M?POP|MPOP)$/.test(words[0]) && /MPOP/.test(words[0])) return at === 1
  if (/^B/.test(words[0])) return at === words.length - 1
  return before === 'BLOCK'
}

function lookOf(name, line) {
  if (CLOCKS.test(name)) return { look: 'clock' }
  if (SHAPES.test(name)) return { look: 'any' }
  const text = line.replace(/^(\S+)/, name)
  const found = LOOKS.find(([pattern]) => pattern.test(text) || pattern.test(name))
  return found ? { look: found[1].slice(1) } : {}
}

/** The play as a transcript: the notation of `__test__/golden`, without the replies. */
export function transcriptOf(acts, repliesOf = () => []) {
  const lines = []
  let who = 'a'
  for (const one of acts) {
    if (one.who !== who) {
      who = one.who
      lines.push(`@${who}`)
    }
    if (one.protocol === 3) lines.push('@resp3')
    if (one.pauseMs) lines.push(`@advance ${one.pauseMs}`)
    if (!one.line) continue
    if (one.look === 'skip') lines.push('@any')
    else if (one.look && one.look !== 'clock') lines.push(`@${one.look}`)
    if (one.look === 'clock') lines.push('@near 1000')
    if (one.bytes) lines.push(`# in one piece: ${one.line}`)
    else lines.push(`> ${one.line}`, ...repliesOf(one))
  }
  return `${lines.join('\n')}\n`
}
